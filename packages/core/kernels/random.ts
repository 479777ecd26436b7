function rotate4(x: v128, by: i32): v128 {
  return v128.or(i32x4.shl(x, by), i32x4.shr_u(x, 32 - by))
}

/**
 * What dropout multiplies by, from Threefry-2x32 with 20 rounds: `scale` where the 16-bit number is at least `threshold`, else 0.
 * Sixteen values come from the four counters 4 g .. 4 g + 3: low, then high halves of the first words, then of the second words.
 */
export function keepMask(to: usize, count: i32, key0: i32, key1: i32, threshold: i32, scale: f32, scratch: usize): void {
  const k0 = i32x4.splat(key0)
  const k1 = i32x4.splat(key1)
  const k2 = i32x4.splat(key0 ^ key1 ^ 0x1bd11bda)
  const limit = i32x4.splat(threshold)
  const kept = f32x4.splat(scale)
  const low = i32x4.splat(0xffff)
  let counter = i32x4(0, 1, 2, 3)
  for (let left = count; left > 0; left -= 16) {
    let x0 = i32x4.add(counter, k0)
    let x1 = k1
    for (let group = 0; group < 5; group++) {
      const even = (group & 1) === 0
      x0 = i32x4.add(x0, x1)
      x1 = v128.xor(even ? rotate4(x1, 13) : rotate4(x1, 17), x0)
      x0 = i32x4.add(x0, x1)
      x1 = v128.xor(even ? rotate4(x1, 15) : rotate4(x1, 29), x0)
      x0 = i32x4.add(x0, x1)
      x1 = v128.xor(even ? rotate4(x1, 26) : rotate4(x1, 16), x0)
      x0 = i32x4.add(x0, x1)
      x1 = v128.xor(even ? rotate4(x1, 6) : rotate4(x1, 24), x0)
      const turn = group % 3
      x0 = i32x4.add(x0, turn === 0 ? k1 : turn === 1 ? k2 : k0)
      x1 = i32x4.add(i32x4.add(x1, turn === 0 ? k2 : turn === 1 ? k0 : k1), i32x4.splat(group + 1))
    }
    const target = left >= 16 ? to : scratch
    v128.store(target, v128.and(i32x4.ge_s(v128.and(x0, low), limit), kept))
    v128.store(target, v128.and(i32x4.ge_s(i32x4.shr_u(x0, 16), limit), kept), 16)
    v128.store(target, v128.and(i32x4.ge_s(v128.and(x1, low), limit), kept), 32)
    v128.store(target, v128.and(i32x4.ge_s(i32x4.shr_u(x1, 16), limit), kept), 48)
    if (left < 16) memory.copy(to, scratch, left << 2)
    to += 64
    counter = i32x4.add(counter, i32x4.splat(4))
  }
}
