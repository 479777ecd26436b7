function rotate4(x: v128, by: i32): v128 {
  return v128.or(i32x4.shl(x, by), i32x4.shr_u(x, 32 - by))
}

/** Four Threefry-2x32 blocks with 20 rounds, of counters `counter`. Writes the four first words, then the four second ones. */
export function threefry4(key0: i32, key1: i32, counter: v128, to: usize): void {
  const k0 = i32x4.splat(key0)
  const k1 = i32x4.splat(key1)
  const k2 = i32x4.splat(key0 ^ key1 ^ 0x1bd11bda)
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
  v128.store(to, x0)
  v128.store(to, x1, 16)
}
