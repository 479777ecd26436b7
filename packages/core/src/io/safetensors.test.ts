import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { halfToFloat } from './dtype.js'
import { readFloat32, readSafetensors, writeSafetensors } from './safetensors.js'

let folder: string
let file: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'unidiag-safetensors-'))
  file = join(folder, 'x.safetensors')
})
afterAll(() => rm(folder, { recursive: true }))

/** A file with any header and so many bytes of data. */
async function make(header: unknown, dataBytes = 0, { raw = false, length }: { raw?: boolean; length?: bigint } = {}): Promise<void> {
  const json = Buffer.from(raw ? String(header) : JSON.stringify(header))
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(length ?? BigInt(json.length))
  await writeFile(file, Buffer.concat([prefix, json, Buffer.alloc(dataBytes)]))
}
const f32 = (shape: unknown, data_offsets: unknown) => ({ dtype: 'F32', shape, data_offsets })

describe('writeSafetensors', () => {
  it('gives back what was written, for any names, shapes, values and metadata', async () => {
    const tensor = fc
      .array(fc.nat(4), { maxLength: 4 })
      .chain((shape) => fc.float32Array({ minLength: product(shape), maxLength: product(shape) }).map((data) => ({ shape, data: Float32Array.from(data) })))
    const name = fc.string({ unit: 'grapheme', minLength: 1 }).filter((s) => s !== '__metadata__' && s !== '__proto__')
    const tensors = fc.array(fc.tuple(name, tensor), { maxLength: 6 }).map((entries) => new Map(entries))
    const metadata = fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true })
    await fc.assert(
      fc.asyncProperty(tensors, metadata, async (written, notes) => {
        await writeSafetensors(file, written, notes)
        const read = await readSafetensors(file)
        expect(read.metadata).toEqual(notes)
        expect([...read.tensors.keys()].sort()).toEqual([...written.keys()].sort())
        for (const [key, { shape, data }] of written) {
          expect(read.tensors.get(key)?.shape).toEqual(shape)
          expect(read.tensors.get(key)?.data).toEqual(data)
        }
      }),
      { numRuns: 50 },
    )
  })

  it('aligns the data', async () => {
    await writeSafetensors(file, new Map([['a', { shape: [1], data: Float32Array.of(1) }]]))
    expect(((await stat(file)).size - 4) % 8).toBe(0)
  })
})

describe('readSafetensors', () => {
  it('reads every dtype', async () => {
    const parts: [string, Uint8Array, unknown][] = [
      ['F64', bytes(Float64Array.of(0.1)), Float64Array.of(0.1)],
      ['F32', bytes(Float32Array.of(-2.5)), Float32Array.of(-2.5)],
      ['F16', bytes(Uint16Array.of(0x3e00)), Float32Array.of(1.5)],
      ['BF16', bytes(Uint16Array.of(0xc020)), Float32Array.of(-2.5)],
      ['I64', bytes(BigInt64Array.of(-5n)), BigInt64Array.of(-5n)],
      ['U64', bytes(BigUint64Array.of(5n)), BigUint64Array.of(5n)],
      ['I32', bytes(Int32Array.of(-7)), Int32Array.of(-7)],
      ['U32', bytes(Uint32Array.of(7)), Uint32Array.of(7)],
      ['I16', bytes(Int16Array.of(-3)), Int16Array.of(-3)],
      ['U16', bytes(Uint16Array.of(3)), Uint16Array.of(3)],
      ['I8', bytes(Int8Array.of(-1)), Int8Array.of(-1)],
      ['U8', bytes(Uint8Array.of(255)), Uint8Array.of(255)],
      ['BOOL', bytes(Uint8Array.of(1)), Uint8Array.of(1)],
    ]
    let end = 0
    const header = Object.fromEntries(
      parts.map(([dtype, data]) => {
        const begin = end
        end += data.length
        return [dtype, { dtype, shape: [1], data_offsets: [begin, end] }]
      }),
    )
    const json = Buffer.from(JSON.stringify(header))
    const prefix = Buffer.alloc(8)
    prefix.writeBigUInt64LE(BigInt(json.length))
    await writeFile(file, Buffer.concat([prefix, json, ...parts.map(([, data]) => data)]))
    const { tensors } = await readSafetensors(file)
    for (const [dtype, , value] of parts) expect(tensors.get(dtype)?.data, dtype).toEqual(value)
    expect([...(await readFloat32(file)).keys()]).toEqual(['F64', 'F32', 'F16', 'BF16'])
  })

  it('widens half floats exactly', () => {
    expect([0x0000, 0x8000, 0x0001, 0x03ff, 0x0400, 0x7bff, 0x7c00, 0xfc00, 0x3555].map(halfToFloat)).toEqual([
      0,
      -0,
      2 ** -24,
      1023 * 2 ** -24,
      2 ** -14,
      65504,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      0.333251953125,
    ])
    expect(halfToFloat(0x7e00)).toBeNaN()
  })

  it('reads only what is asked for', async () => {
    await writeSafetensors(
      file,
      new Map([
        ['a', { shape: [1], data: Float32Array.of(1) }],
        ['b', { shape: [2], data: Float32Array.of(2, 3) }],
      ]),
    )
    const { tensors } = await readSafetensors(file, { only: (name) => name === 'b' })
    expect([...tensors]).toEqual([['b', { dtype: 'F32', shape: [2], data: Float32Array.of(2, 3) }]])
  })

  const refused = async (what: RegExp) => {
    const reading = readSafetensors(file)
    await expect(reading).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID' })
    await expect(reading).rejects.toThrow(what)
    await expect(reading).rejects.toThrow(file)
  }

  it.each<[string, () => Promise<void>, RegExp]>([
    ['an empty file', () => writeFile(file, ''), /0 bytes/],
    ['a few bytes', () => writeFile(file, 'abc'), /3 bytes/],
    ['a huge header length', () => make({}, 0, { length: 2n ** 63n }), /9223372036854775808 bytes long/],
    ['a header longer than the file', () => make({}, 0, { length: 99_000_000n }), /cut off/],
    ['a header that is not JSON', () => make('{"a": ', 0, { raw: true }), /not JSON/],
    ['a header that is not UTF-8', () => writeFile(file, Buffer.from([2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe])), /not JSON/],
    ['a header that is no object', () => make([1]), /not a JSON object/],
    ['an entry that is no object', () => make({ a: 3 }), /entry of tensor a/],
    ['metadata that is not strings', () => make({ __metadata__: { a: 1 } }), /__metadata__/],
    ['an unknown dtype', () => make({ a: { dtype: 'F99', shape: [], data_offsets: [0, 4] } }, 4), /unknown dtype "F99"/],
    ['a dtype of the prototype', () => make({ a: { dtype: 'toString', shape: [], data_offsets: [0, 4] } }, 4), /unknown dtype/],
    ['a negative size', () => make({ a: f32([-1, -1], [0, 4]) }, 4), /shape \[-1,-1\]/],
    ['a fractional size', () => make({ a: f32([0.5, 2], [0, 4]) }, 4), /shape/],
    ['a size beyond 2^53', () => make({ a: f32([2 ** 60], [0, 4]) }, 4), /shape/],
    ['a shape whose product overflows', () => make({ a: f32([2 ** 40, 2 ** 40], [0, 4]) }, 4), /needs/],
    ['a shape of other bytes than the offsets', () => make({ a: f32([3], [0, 8]) }, 8), /needs 12 bytes, its data_offsets give 8/],
    ['a wrong dtype for the bytes', () => make({ a: { dtype: 'F64', shape: [2], data_offsets: [0, 8] } }, 8), /needs 16 bytes/],
    ['no offsets', () => make({ a: { dtype: 'F32', shape: [1] } }, 4), /data_offsets/],
    ['offsets in reverse', () => make({ a: f32([1], [4, 0]) }, 4), /data_offsets/],
    ['offsets beyond the file', () => make({ a: f32([2], [0, 8]) }, 4), /ends at byte 8/],
    ['overlapping offsets', () => make({ a: f32([2], [0, 8]), b: f32([2], [4, 12]) }, 12), /a and b overlap/],
    ['two tensors at one place', () => make({ a: f32([1], [0, 4]), b: f32([1], [0, 4]) }, 4), /overlap/],
    ['a gap', () => make({ a: f32([1], [0, 4]), b: f32([1], [8, 12]) }, 12), /4 to 8/],
    ['bytes at the end', () => make({ a: f32([1], [0, 4]) }, 9), /5 bytes after/],
    ['a missing file', () => rm(file, { force: true }), /ENOENT/],
  ])('refuses %s', async (_, prepare, what) => {
    await prepare()
    await refused(what)
  })

  it('refuses or reads any damaged file, and never fails otherwise', async () => {
    await writeSafetensors(file, new Map([['a', { shape: [2], data: Float32Array.of(1, 2) }]]), { k: 'v' })
    const good = await readFile(file)
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), async (at, value, cut) => {
        const damaged = Buffer.from(good.subarray(0, cut))
        if (at < cut) damaged[at] = value
        await writeFile(file, damaged)
        await readSafetensors(file).catch((error) => expect(error).toMatchObject({ code: 'CHECKPOINT_INVALID' }))
      }),
      { numRuns: 100 },
    )
  })
})

const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)
const bytes = (array: { buffer: ArrayBufferLike }): Uint8Array => new Uint8Array(array.buffer)
