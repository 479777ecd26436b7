/** Zigzag order of the coefficients of a block (ITU-T T.81, figure 5). */
const ZIGZAG = [
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22,
  15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
]

/** `[u, x]`: weight of the frequency u at the place x. */
const COSINES = Float64Array.from({ length: 64 }, (_, i) => {
  const [u, x] = [i >> 3, i & 7]
  return (u === 0 ? Math.SQRT1_2 : 1) * 0.5 * Math.cos(((2 * x + 1) * u * Math.PI) / 16)
})

/** Codes of each length: the first code, how many there are, and where their values begin. */
interface HuffmanTable {
  readonly first: readonly number[]
  readonly count: readonly number[]
  readonly start: readonly number[]
  readonly values: Uint8Array
}

function huffmanTable(counts: Uint8Array, values: Uint8Array): HuffmanTable {
  const [first, start]: [number[], number[]] = [[], []]
  let [code, at] = [0, 0]
  for (const count of counts) {
    first.push(code)
    start.push(at)
    at += count
    code = (code + count) << 1
  }
  return { first, count: [...counts], start, values }
}

/** The bits of a scan; a zero byte after 0xff is stuffing. */
class BitReader {
  readonly #bytes: Uint8Array
  #at: number
  #byte = 0
  #left = 0

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.#at = at
  }

  bit(): number {
    if (this.#left === 0) {
      if (this.#at >= this.#bytes.length) throw new Error('the pixel data end too early')
      this.#byte = this.#bytes[this.#at++]
      if (this.#byte === 0xff) {
        if (this.#bytes[this.#at] !== 0) throw new Error('the pixel data end too early')
        this.#at++
      }
      this.#left = 8
    }
    return (this.#byte >> --this.#left) & 1
  }

  /** A coefficient of a size in bits (T.81 F.2.2.1). */
  signed(size: number): number {
    let value = 0
    for (let i = 0; i < size; i++) value = value * 2 + this.bit()
    return size > 0 && value < 2 ** (size - 1) ? value - 2 ** size + 1 : value
  }

  symbol({ first, count, start, values }: HuffmanTable): number {
    let code = 0
    for (let length = 0; length < 16; length++) {
      code = (code << 1) | this.bit()
      const index = code - first[length]
      if (index < count[length]) return values[start[length] + index]
    }
    throw new Error('the JPEG data hold a code that is not in its table')
  }

  /** Goes on behind the restart marker. */
  restart(): void {
    this.#left = 0
    if (this.#bytes[this.#at] !== 0xff || (this.#bytes[this.#at + 1] & 0xf8) !== 0xd0) throw new Error('the JPEG data lack a restart marker')
    this.#at += 2
  }
}

/** Inverse cosine transform of a block, in place. */
function transform(block: Float64Array, half: Float64Array): void {
  for (let y = 0; y < 8; y++) {
    for (let x = 0; x < 8; x++) {
      let sum = 0
      for (let u = 0; u < 8; u++) sum += block[y * 8 + u] * COSINES[u * 8 + x]
      half[y * 8 + x] = sum
    }
  }
  for (let x = 0; x < 8; x++) {
    for (let y = 0; y < 8; y++) {
      let sum = 0
      for (let v = 0; v < 8; v++) sum += half[v * 8 + x] * COSINES[v * 8 + y]
      block[y * 8 + x] = sum
    }
  }
}

/**
 * Extended sequential JPEG of 12 bits (ITU-T T.81 process 4) with one component, which no common decoder reads.
 * @returns 16-bit little-endian samples
 * @throws Error when it is cut short, or something else
 */
export function decodeJpeg12(bytes: Uint8Array): { readonly bytes: Uint8Array; readonly bits: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const quantization = new Map<number, number[]>()
  const huffman = new Map<number, HuffmanTable>()
  let frame: { bits: number; height: number; width: number; table: number } | undefined
  let interval = 0
  for (let at = 2; at + 4 <= bytes.length; ) {
    const marker = bytes[at + 1]
    const end = at + 2 + view.getUint16(at + 2)
    let next = at + 4
    if (bytes[at] !== 0xff || end > bytes.length) throw new Error('the pixel data end too early')
    if (marker === 0xdb) {
      while (next < end) {
        const [wide, id] = [bytes[next] >> 4 > 0, bytes[next] & 15]
        next++
        quantization.set(
          id,
          Array.from({ length: 64 }, (_, i) => (wide ? view.getUint16(next + i * 2) : bytes[next + i])),
        )
        next += wide ? 128 : 64
      }
    } else if (marker === 0xc4) {
      while (next < end) {
        const counts = bytes.subarray(next + 1, next + 17)
        const total = counts.reduce((sum, count) => sum + count, 0)
        huffman.set(bytes[next], huffmanTable(counts, bytes.subarray(next + 17, next + 17 + total)))
        next += 17 + total
      }
    } else if (marker === 0xc1) {
      if (bytes[next + 5] !== 1) throw new Error('JPEG of 12 bits with colours is not supported')
      frame = { bits: bytes[next], height: view.getUint16(next + 1), width: view.getUint16(next + 3), table: bytes[next + 8] }
    } else if (marker === 0xdd) interval = view.getUint16(next)
    else if (marker === 0xda) {
      const tables = bytes[next + 2]
      const [steps, dc, ac] = [quantization.get(frame?.table ?? -1), huffman.get(tables >> 4), huffman.get(0x10 | (tables & 15))]
      if (!frame || !steps || !dc || !ac) throw new Error('the JPEG data lack a table')
      return { bytes: decodeScan(new BitReader(bytes, end), frame, steps, dc, ac, interval), bits: frame.bits }
    }
    at = end
  }
  throw new Error('the pixel data end too early')
}

function decodeScan(
  reader: BitReader,
  { bits, width, height }: { readonly bits: number; readonly width: number; readonly height: number },
  steps: readonly number[],
  dc: HuffmanTable,
  ac: HuffmanTable,
  interval: number,
): Uint8Array {
  const out = new Uint8Array(width * height * 2)
  const view = new DataView(out.buffer)
  const [block, half] = [new Float64Array(64), new Float64Array(64)]
  const across = Math.ceil(width / 8)
  const blocks = across * Math.ceil(height / 8)
  const highest = 2 ** bits - 1
  let previous = 0
  for (let index = 0; index < blocks; index++) {
    if (interval > 0 && index > 0 && index % interval === 0) {
      reader.restart()
      previous = 0
    }
    block.fill(0)
    previous += reader.signed(reader.symbol(dc))
    block[0] = previous * steps[0]
    for (let k = 1; k < 64; k++) {
      const symbol = reader.symbol(ac)
      const [run, size] = [symbol >> 4, symbol & 15]
      if (size === 0 && run < 15) break
      k += run
      if (size > 0 && k < 64) block[ZIGZAG[k]] = reader.signed(size) * steps[k]
    }
    transform(block, half)
    const [left, top] = [(index % across) * 8, Math.floor(index / across) * 8]
    for (let y = 0; y < 8 && top + y < height; y++) {
      for (let x = 0; x < 8 && left + x < width; x++) {
        const value = Math.round(block[y * 8 + x]) + 2 ** (bits - 1)
        view.setUint16(((top + y) * width + left + x) * 2, Math.max(0, Math.min(value, highest)), true)
      }
    }
  }
  return out
}
