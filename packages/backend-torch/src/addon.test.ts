import { beforeAll, describe, expect, it } from 'vitest'
import type { Addon, Handle } from './addon.js'
import { FLOAT32, INT32 } from './dtypes.js'
import { loadAddon } from './load.js'
import { torchHere, whyNot } from './test-support/torch-here.js'

describe.skipIf(!torchHere)(`addon${whyNot}`, () => {
  let addon: Addon
  const results = new Int32Array(64)
  const floats = (values: number[], shape = [values.length]): Handle => addon.upload(Float32Array.from(values), shape, FLOAT32)
  const read = (handle: Handle) => [...new Float32Array(addon.download(handle))]
  const op = (name: string, overload = ''): number => {
    const id = addon.operator(`aten::${name}`, overload)
    if (id === undefined) throw new Error(`no ${name}`)
    return id
  }
  const failure = (f: () => unknown): { code?: string; message: string } => {
    try {
      f()
    } catch (error) {
      return error as { code?: string; message: string }
    }
    throw new Error('it did not fail')
  }

  beforeAll(async () => {
    addon = (await loadAddon()).addon
    addon.share(results)
  }, 120_000)

  it('calls an operator and describes the result', () => {
    const y = addon.call(op('add', 'Tensor'), floats([1, 2, 3, 4], [2, 2]), floats([1, 1])) as Handle
    expect([...results.subarray(0, 5)]).toEqual([1, FLOAT32, 2, 2, 2])
    expect(read(y)).toEqual([2, 3, 4, 5])
  })

  it('gives several results, plain values and lists', () => {
    const x = floats([3, 1, 2])
    const [values, indices] = addon.call(op('sort'), x) as Handle[]
    expect(read(values)).toEqual([1, 2, 3])
    expect([...new BigInt64Array(addon.download(indices))]).toEqual([1n, 2n, 0n])
    expect(addon.call(op('equal'), x, x)).toBe(true)
    expect((addon.call(op('unbind', 'int'), x, 0) as Handle[]).map(read)).toEqual([[3], [1], [2]])
  })

  it('fills in defaults, takes none, and keeps whole numbers whole', () => {
    const ints = addon.upload(Int32Array.of(5, 7), [2], INT32)
    const doubled = addon.call(op('mul', 'Scalar'), ints, 2) as Handle
    expect(addon.shape(doubled)).toEqual([INT32, 2])
    const clamped = addon.call(op('clamp'), floats([-1, 5]), null, 2) as Handle
    expect(read(clamped)).toEqual([-1, 2])
  })

  it('copies what is uploaded', () => {
    const values = Float32Array.of(1, 2)
    const x = addon.upload(values, [2], FLOAT32)
    values[0] = 9
    expect(read(x)).toEqual([1, 2])
  })

  it('says what an operator was called with when it fails', () => {
    const { code, message } = failure(() => addon.call(op('mm'), floats([1, 2], [1, 2]), floats([1, 2, 3], [3, 1])))
    expect(code).toBe('TORCH_OPERATOR')
    expect(message).toMatch(/^aten::mm\(Float\[1,2\], Float\[3,1\]\): mat1 and mat2 shapes cannot be multiplied/)
  })

  it('refuses a tensor after its release, also when its place is taken', () => {
    const x = floats([1])
    addon.release(x)
    floats([2])
    for (const f of [
      () => addon.call(op('neg'), Number.NaN),
      () => addon.release(x),
      () => addon.download(x),
      () => addon.shape(x),
      () => addon.call(op('neg'), x),
    ])
      expect(failure(f).code).toBe('TORCH_HANDLE')
  })

  it('refuses arguments that the schema does not know', () => {
    const x = floats([1])
    const calls: (() => unknown)[] = [
      () => addon.call(op('neg'), x, 1),
      () => addon.call(op('neg')),
      () => addon.call(op('reshape'), x, [0.5]),
      () => addon.call(op('reshape'), x, 1),
      () => addon.call(123456),
      () => addon.upload(Float32Array.of(1), [2], FLOAT32),
    ]
    for (const call of calls) expect(failure(call).code).toBe('TORCH_ARGUMENT')
    expect(addon.operator('aten::nonsense', '')).toBeUndefined()
  })

  it('reports memory that cannot be had', () => {
    expect(failure(() => addon.call(op('empty', 'memory_format'), [1e15])).code).toBe('TORCH_MEMORY')
  })

  it('refuses a device that is not there', () => {
    if (!addon.hasCuda()) expect(failure(() => addon.device('cuda:0')).code).toBe('TORCH_DEVICE')
    expect(failure(() => addon.device('abacus')).message).toMatch(/abacus/)
    expect(addon.device()).toBe('cpu')
  })

  it('knows whether a tensor shares its memory', () => {
    const x = floats([1, 2])
    expect(addon.sole(x)).toBe(true)
    const view = addon.call(op('reshape'), x, [2, 1]) as Handle
    expect([addon.sole(x), addon.sole(view)]).toEqual([false, false])
    addon.release(view)
    expect(addon.sole(x)).toBe(true)
  })

  it('gives nothing new for an operator in place, and counts what is alive', () => {
    const before = addon.memory()
    const x = floats([1, 2])
    expect(addon.call(op('mul_', 'Scalar'), x, 3)).toBeUndefined()
    expect(read(x)).toEqual([3, 6])
    expect(addon.memory()).toEqual({ tensors: before.tensors + 1, bytes: before.bytes + 8 })
    addon.release(x)
    expect(addon.memory()).toEqual(before)
  })

  it('draws the same after the same seed', () => {
    const draw = () => {
      addon.seed(7)
      return read(addon.call(op('rand'), [3]) as Handle)
    }
    expect(draw()).toEqual(draw())
  })

  describe('sequence', () => {
    it('calls operators one after another and gives the outputs that were asked for', () => {
      // sort(x * 3): both results of the second operator, and the first operator's
      const id = addon.sequence(
        [
          [op('mul', 'Scalar'), 1, 0, 1, 1],
          [op('sort'), 2, 0],
        ],
        [2, 1, 3, 1, 2, 0],
      )
      const before = addon.memory().tensors
      const outputs = addon.run(id, floats([3, 1, 2]), 3) as Handle[]
      expect([results[0], ...results.subarray(1, 4)]).toEqual([3, FLOAT32, 1, 3])
      expect(read(outputs[0]!)).toEqual([3, 6, 9])
      expect([...new BigInt64Array(addon.download(outputs[1]!))]).toEqual([1n, 2n, 0n])
      expect(read(outputs[2]!)).toEqual([9, 3, 6])
      expect(addon.memory().tensors).toBe(before + 4)
    })

    it('hands out only its outputs, and fills in constants and defaults', () => {
      const id = addon.sequence(
        [
          [op('add', 'Scalar'), 1, 0, 0, 1],
          [op('mul_', 'Scalar'), 2, 0, 0, 10],
          [op('full'), 1, 1, 0, 5],
          [op('add', 'Tensor'), 2, 1, 2, 2],
        ],
        [2, 3],
      )
      const before = addon.memory().tensors
      const y = addon.run(id, floats([1, 2]), [2]) as Handle
      expect(read(y)).toEqual([25, 35])
      expect(addon.memory().tensors).toBe(before + 2)
    })

    it('names the operator that failed with its arguments, and leaves nothing', () => {
      const id = addon.sequence(
        [
          [op('t'), 1, 0],
          [op('mm'), 2, 0, 1, 1],
        ],
        [2, 1],
      )
      const [a, b] = [floats([1, 2], [1, 2]), floats([1, 2, 3], [3, 1])]
      const before = addon.memory()
      const { code, message } = failure(() => addon.run(id, a, b))
      expect(code).toBe('TORCH_OPERATOR')
      expect(message).toMatch(/^aten::mm\(Float\[2,1\], Float\[3,1\]\): mat1 and mat2 shapes cannot be multiplied/)
      expect(failure(() => addon.run(id, a)).message).toMatch(/argument mat2: /)
      expect(addon.memory()).toEqual(before)
    })

    it('refuses what cannot be', () => {
      const declare =
        (...steps: (number | boolean)[][]) =>
        () =>
          addon.sequence(steps, [])
      for (const f of [declare([123456, 1, 0]), declare([op('t'), 2, 0]), declare([op('t'), 1, 0, 1, 1]), declare([op('t'), 0, true]), () => addon.run(123456)])
        expect(failure(f).code).toMatch(/^TORCH_(ARGUMENT|HANDLE|ERROR)$/)
    })
  })
})
