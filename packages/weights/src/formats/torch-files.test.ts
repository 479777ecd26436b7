import { describe, expect, it } from 'vitest'
import { inFolder } from '../fixtures/in-folder.js'
import { bytes, type Code, call, dict, global, int, list, object, op, pickle, type TensorSpec, tensor, text, tuple } from '../fixtures/pickle.js'
import { type ZipOptions, zip } from '../fixtures/zip.js'
import { openWeights, readWeights } from '../read-weights.js'

const file = inFolder()
const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer)
const counting = floats(0, 1, 2, 3, 4, 5)

/** A checkpoint of torch.save. */
const checkpoint = (
  value: Code,
  storages: Readonly<Record<string, Uint8Array>> = { 0: counting },
  options: ZipOptions = {},
  extra: readonly [string, string][] = [],
) => zip([['archive/data.pkl', pickle(value)], ...Object.entries(storages).map(([key, data]) => [`archive/data/${key}`, data] as const), ...extra], options)

/** Reads a checkpoint of one tensor called `x`. */
async function one(spec: Partial<TensorSpec>, storages?: Readonly<Record<string, Uint8Array>>) {
  const written = await file('x.pt', checkpoint(dict({ x: tensor({ key: '0', elements: 6, shape: [6], ...spec }) }), storages))
  return (await readWeights(written)).tensors.get('x')!
}

describe('a PyTorch checkpoint', () => {
  it.each<[string, ZipOptions]>([
    ['zip', {}],
    ['zip64', { zip64: true }],
    ['compressed zip', { deflate: true }],
  ])('is read from a %s', async (_, options) => {
    const { format, tensors } = await readWeights(
      await file('a.pt', checkpoint(dict({ x: tensor({ key: '0', elements: 6, shape: [2, 3] }) }), undefined, options)),
    )
    expect(format).toBe('torch-zip')
    expect(tensors).toEqual(new Map([['x', { dtype: 'F32', shape: [2, 3], data: Float32Array.of(0, 1, 2, 3, 4, 5) }]]))
  })

  it('has tensors that are not contiguous', async () => {
    const read = async (shape: number[], strides: number[], offset = 0) => [...((await one({ shape, strides, offset })).data as Float32Array)]
    expect(await read([3, 2], [1, 3])).toEqual([0, 3, 1, 4, 2, 5])
    expect(await read([2], [2], 1)).toEqual([1, 3])
    expect(await read([2, 3], [0, 1], 3)).toEqual([3, 4, 5, 3, 4, 5])
    expect(await read([1, 6, 1], [17, 1, 0])).toEqual([0, 1, 2, 3, 4, 5])
    expect(await read([], [], 5)).toEqual([5])
    expect(await read([0, 3], [3, 1])).toEqual([])
    expect(await read([2, 1, 2], [3, 9, 1], 1)).toEqual([1, 2, 4, 5])
  })

  it('has elements of every width that are gathered', async () => {
    const gather = { elements: 3, shape: [2], strides: [2] }
    const of = (data: { buffer: ArrayBufferLike }) => ({ 0: new Uint8Array(data.buffer) })
    expect((await one({ ...gather, storage: 'DoubleStorage' }, of(Float64Array.of(1, 2, 3)))).data).toEqual(Float64Array.of(1, 3))
    expect((await one({ ...gather, storage: 'HalfStorage' }, of(Uint16Array.of(0x3c00, 0, 0x4000)))).data).toEqual(Float32Array.of(1, 2))
    expect((await one({ ...gather, storage: 'CharStorage' }, of(Int8Array.of(-1, 0, 5)))).data).toEqual(Int8Array.of(-1, 5))
    expect((await one({ ...gather, storage: 'LongStorage' }, of(BigInt64Array.of(-1n, 0n, 5n)))).data).toEqual(BigInt64Array.of(-1n, 5n))
  })

  it('has tensors of an untyped storage', async () => {
    const id = [...tuple(text('storage'), global('torch.storage', 'UntypedStorage'), text('0'), text('cpu'), int(4)), ...op('Q')]
    const args = [id, int(0), tuple(int(2)), tuple(int(1)), [0x89], op('N'), global('torch', 'uint16')]
    const written = await file(
      'untyped.pt',
      checkpoint(dict({ x: call(global('torch._utils', '_rebuild_tensor_v3'), ...args) }), { 0: Uint8Array.of(1, 0, 2, 1) }),
    )
    expect((await readWeights(written)).tensors.get('x')).toEqual({ dtype: 'U16', shape: [2], data: Uint16Array.of(1, 258) })
  })

  it('is read in parts: what is not asked for may be damaged, and shared elements are read once', async () => {
    const x = (shape: number[], offset = 0) => tensor({ key: '0', elements: 6, shape, offset })
    const complex = tensor({ key: '1', storage: 'ComplexFloatStorage', elements: 1, shape: [1] })
    const written = await file('parts.pt', checkpoint(dict({ a: x([6]), b: x([6]), c: x([3], 3), z: complex }), { 0: counting, 1: floats(1, 2) }))
    const weights = await openWeights(written)
    expect(Object.fromEntries(weights.entries)).toEqual({
      a: { dtype: 'F32', shape: [6] },
      b: { dtype: 'F32', shape: [6] },
      c: { dtype: 'F32', shape: [3] },
      z: { dtype: 'complex64', shape: [1] },
    })
    const tensors = await weights.readAll((name) => name !== 'z')
    expect(tensors.get('a')).toBe(tensors.get('b'))
    expect((await weights.read('c')).data).toEqual(Float32Array.of(3, 4, 5))
    await weights.close()
    await expect(readWeights(written)).rejects.toThrow(`${written}: tensor z: its elements are of type complex64, which cannot be read`)
  })

  it('may be a Lightning checkpoint with hyper-parameters, callbacks and optimiser', async () => {
    const x = tensor({ key: '0', elements: 6, shape: [6] })
    const lightning = dict({
      'pytorch-lightning_version': text('1.3.2'),
      state_dict: dict({ 'itm_head.fc.weight': x }),
      hyper_parameters: object(
        global('pytorch_lightning.utilities.parsing', 'AttributeDict'),
        dict({ config: object(global('argparse', 'Namespace'), dict({ lr: int(1) })) }),
      ),
      callbacks: [...op('}('), ...global('pytorch_lightning.callbacks.model_checkpoint', 'ModelCheckpoint'), ...dict({ best_model_score: x }), ...op('u')],
      optimizer_states: list(dict({ state: [...op('}('), ...int(0), ...dict({ exp_avg: x }), ...op('u')] })),
    })
    const { tensors } = await readWeights(await file('lightning.ckpt', checkpoint(lightning)))
    expect([...tensors.keys()]).toEqual([
      'state_dict.itm_head.fc.weight',
      'callbacks.pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint.best_model_score',
      'optimizer_states.0.state.0.exp_avg',
    ])
  })

  it('may be a TorchScript archive, whose modules nest', async () => {
    const module = (name: string, members: Readonly<Record<string, Code>>) =>
      object(global(`__torch__.${name}`, 'Module'), dict({ training: [0x89], ...members }))
    const root = module('clip', {
      visual: module('visual', { conv1: module('conv', { weight: tensor({ key: '0', storage: 'HalfStorage', elements: 2, shape: [2] }) }) }),
      sizes: call(global('torch.jit._pickle', 'build_intlist'), list(int(1))),
    })
    const storages = { 0: new Uint8Array(Uint16Array.of(0x3c00, 0x4000).buffer) }
    const { format, tensors } = await readWeights(
      await file(
        'clip.pt',
        checkpoint(root, storages, {}, [
          ['archive/constants.pkl', pickleText()],
          ['archive/code/__torch__/clip.py', 'import os'],
        ]),
      ),
    )
    expect(format).toBe('torchscript')
    expect(tensors).toEqual(new Map([['visual.conv1.weight', { dtype: 'F16', shape: [2], data: Float32Array.of(1, 2) }]]))
  })

  const pickleText = () => Buffer.from(pickle(tuple())).toString('latin1')

  const x = (spec: Partial<TensorSpec> = {}) => dict({ x: tensor({ key: '0', elements: 6, shape: [6], ...spec }) })
  /** A list of two of a list of two of ... */
  const bomb = (levels: number): Code => [...op(']'), ...Array.from({ length: levels }, () => [...op('2'), 0x86]).flat()]
  /** Moves the directory of a zip64 archive to byte 2^63. */
  const elsewhere = (archive: Buffer): Buffer => {
    archive.writeBigUInt64LE(2n ** 63n, archive.indexOf(Buffer.from('PK\x06\x07', 'latin1')) + 8)
    return archive
  }
  const itself: Code = [...op(']q\x00h\x00a')]
  const nested = (levels: number): Code => [...op(']'), ...Array.from({ length: levels }, () => 0x85)]
  const numpy = (code: Code, data: Code) => [
    ...call(global('numpy.core.multiarray', '_reconstruct')),
    ...tuple(int(1), tuple(int(2)), call(global('numpy', 'dtype'), code), [0x89], data),
    ...op('b'),
  ]

  it.each<[string, () => Buffer | Uint8Array, RegExp]>([
    ['a call of os.system', () => checkpoint(dict({ x: call(global('os', 'system'), text('touch /tmp/pwned')) })), /wants to call os\.system/],
    ['a call of os.system as a plain pickle', () => pickle(call(global('os', 'system'), text('touch /tmp/pwned'))), /wants to call os\.system/],
    ['a view beyond its storage', () => checkpoint(x({ offset: 1 })), /reaches beyond its storage of 6 elements/],
    ['a view whose strides leave its storage', () => checkpoint(x({ shape: [2, 2], strides: [2 ** 30, 1] })), /reaches beyond/],
    ['a negative offset', () => checkpoint(x({ offset: -1 })), /without a storage, an offset/],
    ['a negative stride', () => checkpoint(x({ strides: [-1], offset: 5 })), /strides/],
    ['as many sizes as strides not', () => checkpoint(x({ strides: [1, 1] })), /1 sizes and 2 strides/],
    ['a hundred axes', () => checkpoint(x({ shape: new Array(100).fill(1), strides: new Array(100).fill(1) })), /100 sizes/],
    ['one element repeated 2^50 times', () => checkpoint(x({ shape: [2 ** 25, 2 ** 25], strides: [0, 0] })), /repeats 6 elements too often/],
    ['a storage that is shorter than its tensors', () => checkpoint(x({ elements: 7, shape: [7] })), /storage 0 has 24 bytes, 7 elements of type F32 need 28/],
    ['a storage that is missing', () => checkpoint(x({ key: '1' })), /storage 1 is missing/],
    ['a storage outside of its folder', () => checkpoint(x({ key: '../../etc/passwd' })), /storage \.\.\/\.\.\/etc\/passwd is missing/],
    ['a storage of two types', () => checkpoint(dict({ a: x(), b: x({ storage: 'IntStorage' }) })), /storage 0 has two types/],
    ['an unknown storage class', () => checkpoint(x({ storage: 'FooStorage' })), /unknown class FooStorage/],
    ['a storage class of the prototype', () => checkpoint(x({ storage: 'toString' })), /unknown class toString/],
    ['something outside that is no storage', () => checkpoint([...tuple(text('module'), int(1)), ...op('Q')]), /no storage/],
    ['containers that double a hundred times', () => checkpoint(bomb(99)), /hold more than 10000000 values/],
    ['a list that holds itself', () => checkpoint(itself), /nested deeper than 100/],
    ['deep nesting', () => checkpoint(nested(100_000)), /nested deeper than 100/],
    [
      'two tensors of one name',
      () => checkpoint(dict({ 'a.b': tensor({ key: '0', elements: 6, shape: [6] }), a: dict({ b: tensor({ key: '0', elements: 6, shape: [6] }) }) })),
      /two of its tensors are called a\.b/,
    ],
    ['a big-endian machine', () => checkpoint(x(), undefined, {}, [['archive/byteorder', 'big']]), /big-endian/],
    ['an archive without data.pkl', () => zip([['weights.npy', 'abc']]), /without data\.pkl/],
    ['an archive with one name twice', () => checkpoint(x(), undefined, {}, [['archive/data/0', 'abc']]), /two entries called archive\/data\/0/],
    ['an archive that claims other sizes', () => checkpoint(x(), undefined, { claimedSize: 2 ** 31 }), /archive|cut off/],
    [
      'a compressed archive that claims other sizes',
      () => checkpoint(x(), undefined, { deflate: true, claimedSize: 2 ** 31 }),
      /compressed, and 2147483648 bytes large/,
    ],
    ['an archive whose directory is far outside', () => elsewhere(checkpoint(x(), undefined, { zip64: true })), /may be cut off/],
    ['an archive that is cut off', () => checkpoint(x()).subarray(0, 200), /archive is damaged/],
    [
      'a numpy array of objects that is read',
      () => pickle(dict({ x: numpy(text('O8'), list(int(1), int(2))) })),
      /tensor x: its elements are of type numpy O8/,
    ],
    ['a numpy array that is too short', () => pickle(dict({ x: numpy(text('f8'), bytes(new Uint8Array(8))) })), /reaches beyond its storage of 1 elements/],
    [
      'a tensor of nothing',
      () => checkpoint(dict({ x: call(global('torch._utils', '_rebuild_tensor_v2'), int(1), int(0), tuple(), tuple()) })),
      /without a storage/,
    ],
    [
      'a folder of tensors that grow',
      () =>
        checkpoint(
          dict(Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`t${i}`, tensor({ key: '0', elements: 6, shape: [2 ** 22 + i], strides: [0] })]))),
        ),
      /more than 8 times the size of the file/,
    ],
    ['text', () => Buffer.from('hello world, these are no weights'), /neither safetensors nor/],
    ['nothing', () => Buffer.alloc(0), /it is empty/],
  ])('is refused: %s', async (_, data, reason) => {
    const written = await file('hostile.pt', data())
    const reading = readWeights(written)
    await expect(reading).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID', message: expect.stringMatching(reason) })
    await expect(reading).rejects.toThrow(written)
  })
})

describe('a pickle of numpy arrays', () => {
  const array = (code: string, order: string, fortran: boolean, data: Uint8Array) => {
    const dtype = [...call(global('numpy', 'dtype'), text(code), int(0), int(1)), ...tuple(int(3), text(order), op('N')), ...op('b')]
    return [
      ...call(global('numpy._core.multiarray', '_reconstruct'), global('numpy', 'ndarray'), tuple(int(0)), bytes(Uint8Array.of(98))),
      ...tuple(int(1), tuple(int(2), int(3)), dtype, [fortran ? 0x88 : 0x89], bytes(data)),
      ...op('b'),
    ]
  }

  it('may be in column order or big-endian', async () => {
    const big = Buffer.from(counting).swap32()
    const direct = call(global('numpy._core.numeric', '_frombuffer'), bytes(floats(7)), call(global('numpy', 'dtype'), text('<f4')), tuple(int(1)), text('C'))
    const scalar = call(global('numpy.core.multiarray', 'scalar'), call(global('numpy', 'dtype'), text('f4')), bytes(floats(1)))
    const { format, tensors } = await readWeights(
      await file(
        'numpy.pkl',
        pickle(list(array('f4', '<', false, counting), array('f4', '<', true, counting), array('f4', '>', false, big), direct, scalar), 3),
      ),
    )
    expect(format).toBe('pickle')
    expect([...tensors.values()].map(({ data }) => [...(data as Float32Array)])).toEqual([[0, 1, 2, 3, 4, 5], [0, 2, 4, 1, 3, 5], [0, 1, 2, 3, 4, 5], [7]])
  })

  it('is called tensor when it is all there is', async () => {
    expect([...(await readWeights(await file('one.pkl', pickle(array('f4', '<', false, counting), 3)))).tensors.keys()]).toEqual(['tensor'])
  })
})

describe('a legacy PyTorch checkpoint', () => {
  const magic = Uint8Array.from([0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e])
  const legacy = (
    value: Code,
    { order = list(text('0')), protocol = 1001, little = true, count = 6n }: { order?: Code; protocol?: number; little?: boolean; count?: bigint } = {},
  ) =>
    Buffer.concat([
      magic,
      pickle(int(protocol)),
      pickle(dict({ little_endian: [little ? 0x88 : 0x89] })),
      pickle(value),
      pickle(order),
      Buffer.from(BigInt64Array.of(count).buffer),
      counting,
    ])
  const x = tensor({ key: '0', elements: 6, shape: [6] })
  /** A storage that is a part of another one. */
  const part = (offset: number, elements: number) => {
    const id = [
      ...tuple(text('storage'), global('torch', 'FloatStorage'), text('0'), text('cpu'), int(6), tuple(text('part'), int(offset), int(elements))),
      ...op('Q'),
    ]
    return dict({ x: call(global('torch._utils', '_rebuild_tensor'), id, int(1), tuple(int(2)), tuple(int(1))) })
  }

  it('has storages behind its pickles, and parts of them', async () => {
    const { format, tensors } = await readWeights(await file('legacy.pt', legacy(part(2, 3))))
    expect(format).toBe('torch-legacy')
    expect(tensors.get('x')?.data).toEqual(Float32Array.of(3, 4))
  })

  it('may have pickles of any length', async () => {
    const written = await file('long.pt', legacy(dict({ notes: text('x'.repeat(300_000)), x })))
    expect((await readWeights(written)).tensors.get('x')?.data).toEqual(Float32Array.of(0, 1, 2, 3, 4, 5))
  })

  it.each<[string, () => Buffer, RegExp]>([
    ['another protocol', () => legacy(x, { protocol: 1002 }), /protocol is 1002/],
    ['a big-endian machine', () => legacy(x, { little: false }), /big-endian/],
    ['a storage that is not listed', () => legacy(x, { order: list() }), /storage 0 is missing/],
    ['a storage that no tensor uses', () => legacy(x, { order: list(text('0'), text('1')) }), /lists storage 1/],
    ['a storage that is listed twice', () => legacy(x, { order: list(text('0'), text('0')) }), /lists a storage twice/],
    ['no order', () => legacy(x, { order: int(1) }), /order of its storages/],
    ['another size of a storage', () => legacy(x, { count: 2n ** 62n }), /a storage of 6 elements has 4611686018427387904 in the file/],
    ['a part beyond its storage', () => legacy(part(4, 3)), /part of its storage 0 reaches beyond it/],
    ['an end in its storages', () => legacy(x).subarray(0, -4), /cut off/],
    ['an end in its pickles', () => legacy(x).subarray(0, 120), /middle of/],
    ['a call behind the magic number', () => Buffer.concat([magic, pickle(call(global('os', 'system'), text('ls')))]), /wants to call os\.system/],
  ])('is refused: %s', async (_, data, reason) => {
    const written = await file('hostile-legacy.pt', data())
    await expect(readWeights(written)).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID', message: expect.stringMatching(reason) })
  })
})

describe('any file', () => {
  it('is refused when it is missing, or a folder', async () => {
    const missing = await file('missing.pt')
    await expect(readWeights(missing)).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID', message: expect.stringContaining('ENOENT') })
    await expect(readWeights('/')).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID' })
  })

  it('is refused when its safetensors header is hostile', async () => {
    const header = (json: string, length = BigInt(json.length)) =>
      Buffer.concat([Buffer.from(BigUint64Array.of(length).buffer), Buffer.from(json), Buffer.alloc(8)])
    const entry = (dtype: string, from: number, to: number) => `{"dtype":"${dtype}","shape":[1],"data_offsets":[${from},${to}]}`
    for (const [data, reason] of [
      [header('{}', 2n ** 63n), /9223372036854775808 bytes long/],
      [header(`{"a":${entry('F64', 0, 8)},"b":${entry('F32', 4, 8)}}`), /overlap/],
      [header(`{"a":${entry('F99', 0, 8)}}`), /unknown dtype/],
      [header(`{"a":${entry('F32', 0, 8)}}`), /needs 4 bytes/],
    ] as const)
      await expect(readWeights(await file('hostile', data))).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID', message: expect.stringMatching(reason) })
  })
})
