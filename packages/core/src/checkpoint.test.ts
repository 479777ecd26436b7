import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tensor } from '@tensorflow/tfjs-core'
import { useBackend } from '@unidiag/testing/backends'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { CheckpointStore, loadCheckpoint } from './checkpoint.js'
import { readFloat32, readSafetensors, writeSafetensors } from './io/safetensors.js'
import { normal, Parameters } from './nn/parameter.js'
import { Random } from './random.js'

useBackend()
let root: string
let dir: string
let count = 0
let parameters: Parameters
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'unidiag-checkpoint-'))
})
afterAll(() => rm(root, { recursive: true }))
beforeEach(() => {
  dir = join(root, `${count++}`)
  parameters = new Parameters(new Random(1))
  parameters.create('head.weight', [2, 3], normal(1), { layout: 'linear' })
  parameters.create('head.bias', [3], normal(1))
})
afterEach(() => parameters.dispose())

const config = { seed: 1, out: 'runs/a', plugins: [{ '@me/x': { width: 3 } }], versions: { node: '20' } }
const state = { stage: 'tune', step: 7, validated: 5, best: { value: 0.5, step: 5 } }
const store = (o = {}) => new CheckpointStore({ dir, config, parameters, meaning: { task: { name: 'vqa', state: { answers: ['no', 'yes'] } } }, ...o })

describe('CheckpointStore', () => {
  it('gives back weights, teacher, optimiser, state, config and meaning', async () => {
    const bias = tensor([1, 2, 3])
    const weight = tensor([1, 2, 3, 4, 5, 6], [2, 3])
    const moments = new Map([['exp_avg.head.bias', { shape: [3], data: Float32Array.of(4, 5, 6) }]])
    const file = await store().save('last', {
      state,
      optimizer: { state: () => ({ steps: { 'head.bias': 7 }, tensors: moments }) },
      teacher: new Map([
        ['head.bias', bias],
        ['head.weight', weight],
      ]),
    })
    expect(file).toBe(join(dir, 'last.safetensors'))
    const loaded = await store().load('last')
    expect(loaded).toEqual({
      file,
      weights: parameters.export(),
      teacher: new Map([
        ['head.weight', { shape: [3, 2], data: Float32Array.of(1, 4, 2, 5, 3, 6) }],
        ['head.bias', { shape: [3], data: Float32Array.of(1, 2, 3) }],
      ]),
      optimizer: { steps: { 'head.bias': 7 }, tensors: moments },
      state,
      config,
      meaning: { task: { name: 'vqa', state: { answers: ['no', 'yes'] } } },
    })
    expect(await readdir(dir)).toEqual(['last.safetensors'])
    for (const t of [bias, weight]) t.dispose()
  })

  it('writes weights that other programs read: reference names, PyTorch layout', async () => {
    await store().save('best', { state })
    const { tensors, metadata } = await readSafetensors(join(dir, 'best.safetensors'))
    expect([...tensors].map(([name, { dtype, shape }]) => [name, dtype, shape])).toEqual([
      ['head.weight', 'F32', [3, 2]],
      ['head.bias', 'F32', [3]],
    ])
    expect(metadata.format).toBe('pt')
  })

  it('leaves optimiser and teacher on the disk when only weights are wanted', async () => {
    await store().save('last', {
      state,
      optimizer: { state: () => ({ steps: {}, tensors: new Map() }) },
      teacher: new Map(parameters.all().map((p) => [p.name, p.value])),
    })
    const loaded = await loadCheckpoint(join(dir, 'last.safetensors'), { weightsOnly: true })
    expect(loaded.weights).toEqual(parameters.export())
    expect(loaded).toMatchObject({ teacher: new Map(), optimizer: undefined })
  })

  it('has nothing to load at first', async () => {
    expect(await store().load('last')).toBeUndefined()
  })

  it('keeps the old checkpoint when the new one cannot be written', async () => {
    await store().save('last', { state })
    const before = await readFile(join(dir, 'last.safetensors'))
    await mkdir(join(dir, 'last.safetensors.tmp'))
    await expect(store().save('last', { state: { ...state, step: 8 } })).rejects.toThrow()
    expect(await readFile(join(dir, 'last.safetensors'))).toEqual(before)
  })

  it('sets checkpoints of an earlier run aside', async () => {
    await store().save('last', { state })
    await store().setAside()
    expect(await readdir(dir)).toEqual(['last.previous.safetensors'])
    expect(await store().load('last')).toBeUndefined()
    await store().setAside()
    expect(await readdir(dir)).toEqual(['last.previous.safetensors'])
  })

  it('without a folder keeps best in memory and writes nothing', async () => {
    const memory = store({ dir: undefined })
    expect(await memory.save('best', { state })).toBeUndefined()
    expect(await memory.save('last', { state })).toBeUndefined()
    expect((await memory.load('best'))?.weights).toEqual(parameters.export())
    expect(await memory.load('last')).toBeUndefined()
    await memory.setAside()
  })
})

describe('loadCheckpoint', () => {
  it('refuses weights that carry no state, naming the file and the remedy', async () => {
    const file = join(root, 'foreign.safetensors')
    await writeSafetensors(file, parameters.export())
    await expect(loadCheckpoint(file)).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
      message: expect.stringContaining(file),
      fix: expect.stringMatching(/last\.safetensors/),
    })
    expect([...(await readFloat32(file)).keys()]).toEqual(['head.weight', 'head.bias'])
  })

  it('refuses state that is not JSON', async () => {
    const file = join(root, 'bad-state.safetensors')
    await writeSafetensors(file, parameters.export(), { state: '{', config: '{}', meaning: '{}' })
    await expect(loadCheckpoint(file)).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID', message: expect.stringMatching(/"state"/) })
  })

  it('refuses a damaged or missing file', async () => {
    const file = join(root, 'damaged.safetensors')
    await writeFile(file, 'not a checkpoint')
    await expect(loadCheckpoint(file)).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID' })
    await expect(loadCheckpoint(join(root, 'none'))).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID' })
  })
})
