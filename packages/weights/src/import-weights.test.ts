import { writeSafetensors } from '@unidiag/core/io/safetensors'
import { type FileTensor, Parameters, zeros } from '@unidiag/core/nn/parameter'
import { Random } from '@unidiag/core/random'
import { useBackend } from '@unidiag/testing/backends'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { describeImport } from './describe-import.js'
import { convertWeights, exportWeights } from './export-weights.js'
import { inFolder } from './fixtures/in-folder.js'
import { importWeights } from './import-weights.js'
import { readWeights } from './read-weights.js'

const visual = 'vision_encoder.visual'
const inProj = (block: number) => `${visual}.transformer.resblocks.${block}.attn.in_proj_bias`

useBackend()
const path = inFolder()
let parameters: Parameters
beforeEach(() => {
  parameters = new Parameters(new Random(0))
  const adapt = ({ data }: FileTensor): FileTensor => ({ shape: [5, 2], data: Float32Array.from({ length: 10 }, (_, i) => data[i % data.length]) })
  parameters.create(`${visual}.positional_embedding`, [5, 2], zeros, { adapt })
  parameters.create(inProj(0), [6], zeros)
  parameters.create('itm_head.fc.weight', [3, 2], zeros, { layout: 'linear' })
  parameters.create('feai_proj.bias', [2], zeros)
})
afterEach(() => parameters.dispose())

const values = (name: string) => [...parameters.get(name).value.dataSync()]
const write = async (name: string, tensors: Readonly<Record<string, FileTensor>>) => {
  const file = await path(name)
  await writeSafetensors(file, new Map(Object.entries(tensors)))
  return file
}
const of = (shape: number[], ...data: number[]): FileTensor => ({ shape, data: Float32Array.from(data) })
const hub = {
  'vision_model.embeddings.position_embedding.weight': of([2, 2], 1, 2, 3, 4),
  'vision_model.embeddings.patch_embedding.weight': of([1, 3, 1, 1], 0, 0, 0),
  ...Object.fromEntries(
    ['q', 'k', 'v'].flatMap((part, i) =>
      [0, 1].map((block) => [`vision_model.encoder.layers.${block}.self_attn.${part}_proj.bias`, of([2], 10 * i, 10 * i + 1)]),
    ),
  ),
  'text_model.final_layer_norm.bias': of([1], 0),
}

describe('importWeights', () => {
  it('renames, stacks, resizes, and reports', async () => {
    const file = await write('clip.safetensors', hub)
    const report = await importWeights(parameters, file)
    expect(report).toMatchObject({
      file,
      format: 'safetensors',
      kind: 'hf-clip',
      loaded: [`${visual}.positional_embedding`, inProj(0)],
      missing: ['itm_head.fc.weight', 'feai_proj.bias'],
    })
    expect(report.resized).toEqual([{ name: `${visual}.positional_embedding`, from: [2, 2], to: [5, 2] }])
    expect(new Map(report.skipped.map(({ name, reason }) => [name, reason]))).toEqual(
      new Map([
        ['vision_model.embeddings.patch_embedding.weight', `the model has no ${visual}.conv1.weight`],
        ['text_model.final_layer_norm.bias', expect.stringMatching(/dead weight/)],
        ...['q', 'k', 'v'].map((part) => [`vision_model.encoder.layers.1.self_attn.${part}_proj.bias`, 'the last block of CLIP is not used'] as const),
      ]),
    )
    expect(values(inProj(0))).toEqual([0, 1, 10, 11, 20, 21])
    expect(values(`${visual}.positional_embedding`).slice(0, 5)).toEqual([1, 2, 3, 4, 1])
    expect(describeImport(report)).toEqual([
      `${file} (safetensors, names of hf-clip)`,
      'loaded 2 parameters',
      `resized ${visual}.positional_embedding from [2,2] to [5,2]`,
      "skipped 1 x a dead weight: CLIP's text tower is never used",
      'skipped 3 x the last block of CLIP is not used',
      'skipped 1 x the model has no vision_encoder',
      'missing 2: 1 x itm_head, 1 x feai_proj',
    ])
  })

  it('loads the last block of CLIP into a model that has it', async () => {
    parameters.create(inProj(1), [6], zeros)
    const { loaded } = await importWeights(parameters, await write('clip.safetensors', hub))
    expect(loaded).toContain(inProj(1))
  })

  it('loads the teacher when asked to, and leaves out what is to be skipped', async () => {
    const umd = {
      'itm_head.fc.weight': of([2, 3], 1, 2, 3, 4, 5, 6),
      'ema.module.itm_head.fc.weight': of([2, 3], 7, 8, 9, 10, 11, 12),
      'feai_proj.bias': of([2], 1, 1),
    }
    const file = await write('umd.safetensors', umd)
    const student = await importWeights(parameters, file, { skip: ['feai_proj'] })
    expect(student.skipped).toEqual([
      { name: 'ema.module.itm_head.fc.weight', reason: 'a weight of the averaged teacher' },
      { name: 'feai_proj.bias', reason: 'was to be skipped' },
    ])
    // A linear weight is [out, in] in the file.
    expect(values('itm_head.fc.weight')).toEqual([1, 4, 2, 5, 3, 6])
    expect(values('feai_proj.bias')).toEqual([0, 0])
    const teacher = await importWeights(parameters, file, { teacher: true })
    expect(teacher.loaded).toEqual(['itm_head.fc.weight'])
    expect(values('itm_head.fc.weight')).toEqual([7, 10, 8, 11, 9, 12])
  })

  it('refuses what does not fit, and changes nothing', async () => {
    const file = await write('wrong.safetensors', { 'itm_head.fc.weight': of([2, 4], 1, 2, 3, 4, 5, 6, 7, 8), 'feai_proj.bias': of([2], 1, 1) })
    await expect(importWeights(parameters, file)).rejects.toMatchObject({ code: 'CHECKPOINT_MISMATCH', message: expect.stringContaining('itm_head.fc.weight') })
    expect(values('feai_proj.bias')).toEqual([0, 0])
  })

  it('says so when a file is of no known system, or has nothing for this model', async () => {
    const unknown = await write('unknown.safetensors', { 'conv1.weight': of([1], 0), a: of([1], 0), b: of([1], 0), c: of([1], 0) })
    await expect(importWeights(parameters, unknown)).rejects.toMatchObject({
      code: 'CHECKPOINT_MISMATCH',
      message: `${unknown}: its names are those of no known model (conv1.weight, a, b, and 1 more)`,
      fix: expect.stringContaining('`kind`'),
    })
    const roberta = await write('roberta.safetensors', { 'roberta.encoder.layer.0.output.dense.bias': of([1], 0) })
    await expect(importWeights(parameters, roberta)).rejects.toThrow(/read as hf-roberta, holds no parameter of this model/)
    await expect(importWeights(parameters, await write('empty.safetensors', {}))).rejects.toThrow(/it is empty/)
  })
})

describe('exportWeights', () => {
  it('writes what an import reads back, with our names or those that M3AE knows', async () => {
    await importWeights(parameters, await write('clip.safetensors', hub))
    const ours = await exportWeights(parameters, await path('ours.safetensors'))
    expect(ours.leftOut).toEqual([])
    expect((await readWeights(ours.file)).tensors.get('itm_head.fc.weight')?.shape).toEqual([2, 3])
    expect((await importWeights(parameters, ours.file)).missing).toEqual([])
    expect(values(inProj(0))).toEqual([0, 1, 10, 11, 20, 21])
    const theirs = await exportWeights(parameters, await path('theirs.safetensors'), { names: 'm3ae' })
    expect(theirs.leftOut).toEqual(['feai_proj.bias'])
    expect([...(await readWeights(theirs.file)).tensors.keys()].sort()).toEqual([...theirs.written].sort())
  })

  it('converts a file without a model', async () => {
    const report = await convertWeights(await write('clip.safetensors', hub), await path('converted.safetensors'))
    expect(report).toMatchObject({ kind: 'hf-clip', written: [`${visual}.positional_embedding`, `${visual}.conv1.weight`, inProj(0)] })
    expect(report.skipped).toHaveLength(4)
    const umd = await write('umd.safetensors', { 'itm_head.fc.bias': of([2], 1, 2), 'ema.module.itm_head.fc.bias': of([2], 3, 4) })
    expect((await convertWeights(umd, await path('umd-2.safetensors'))).written).toEqual(['itm_head.fc.bias', 'ema.module.itm_head.fc.bias'])
    const teacher = await convertWeights(umd, await path('teacher.safetensors'), { teacher: true })
    expect((await readWeights(teacher.file)).tensors).toEqual(new Map([['itm_head.fc.bias', { dtype: 'F32', shape: [2], data: Float32Array.of(3, 4) }]]))
  })

  it('refuses to write nothing', async () => {
    const file = await write('ours-only.safetensors', { 'itm_head.fc.bias': of([2], 1, 2) })
    await expect(convertWeights(file, await path('x.safetensors'), { teacher: true })).rejects.toMatchObject({ code: 'CHECKPOINT_MISMATCH' })
  })
})
