import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Tensor4D, tensor, tidy, transpose } from '@tensorflow/tfjs-core'
import { compose } from '@unidiag/core/compose'
import { ImageEncoder, TextEncoder } from '@unidiag/core/contracts/encoders'
import { type StoredTensor, writeSafetensors } from '@unidiag/core/io/safetensors'
import { inference } from '@unidiag/core/nn/forward'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import type { Pipeline } from '@unidiag/core/pipeline'
import type { AnyPlugin } from '@unidiag/core/plugin'
import { bert } from '@unidiag/encoders/bert'
import { roberta } from '@unidiag/encoders/roberta'
import { feaMlm } from '@unidiag/pretrain/fea-mlm'
import { itm } from '@unidiag/pretrain/itm'
import { mim } from '@unidiag/pretrain/mim'
import { mlm } from '@unidiag/pretrain/mlm'
import { describeBackends } from '@unidiag/testing/backends'
import { describeShared } from '@unidiag/testing/shared'
import { exportWeights } from '@unidiag/weights/export-weights'
import { importWeights } from '@unidiag/weights/import-weights'
import { toUniDiagNames } from '@unidiag/weights/names'
import { readWeights } from '@unidiag/weights/read-weights'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { floats } from '../packages/cli/src/parity/batch.js'
import { visionOf } from '../packages/cli/src/parity/check-hub.js'
import { type Fixture, readFixture } from '../packages/cli/src/parity/fixture.js'
import { decoderOf, encoders } from '../packages/cli/src/parity/model.js'
import { type Code, dict, global, object, pickle, tensor as pickled } from '../packages/weights/src/fixtures/pickle.js'
import { zip } from '../packages/weights/src/fixtures/zip.js'

type Tensors = ReadonlyMap<string, StoredTensor>
// The agreement is about 2e-6.
const tolerance = 1e-5

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(actual.length).toBe(expected.length)
  let [difference, magnitude] = [0, 0]
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(actual[i] - expected[i]))
    magnitude = Math.max(magnitude, Math.abs(expected[i]))
  }
  expect(difference / magnitude).toBeLessThan(tolerance)
}

/** `a.b.c` names as modules of modules. */
function nested(tensors: Tensors, leaf: (name: string, tensor: StoredTensor) => Code): Code {
  const groups = new Map<string, [string, StoredTensor][]>()
  const members: Record<string, Code> = {}
  for (const [name, tensor] of tensors) {
    const [first, ...rest] = name.split('.')
    if (rest.length === 0) members[first] = leaf(name, tensor)
    else groups.set(first, [...(groups.get(first) ?? []), [rest.join('.'), tensor]])
  }
  for (const [first, group] of groups) members[first] = nested(new Map(group), (name, tensor) => leaf(`${first}.${name}`, tensor))
  return object(global('__torch__.module', 'Module'), dict(members))
}

describeBackends('weights of others', () => {
  describeShared('in models', (shared) => {
    const parity = join(shared, 'parity')
    let fixture: Fixture
    let folder: string
    let pipeline: Pipeline
    beforeAll(async () => {
      fixture = await readFixture(parity)
      folder = await mkdtemp(join(tmpdir(), 'unidiag-weights-'))
    })
    afterEach(() => pipeline.close())
    afterAll(() => rm(folder, { recursive: true }))

    const start = async (...plugins: AnyPlugin[]) => {
      pipeline = await compose({ plugins })
      return pipeline.get(ParameterStore)
    }

    it("an archive of OpenAI's CLIP computes the same", async () => {
      const hub = fixture.hub!
      const { tensors } = await readWeights(hub.clip.file)
      const { weights } = toUniDiagNames(tensors, 'hf-clip', { wanted: () => true })
      const own = new Map<string, StoredTensor>(Array.from(weights, ([name, tensor]) => [name.replace('vision_encoder.', ''), { dtype: 'F32', ...tensor }]))
      own.set('visual.proj', { dtype: 'F32', shape: [1], data: Float32Array.of(0) })
      own.set('logit_scale', { dtype: 'F32', shape: [], data: Float32Array.of(1) })
      const names = [...own.keys()]
      const root = nested(own, (name, { shape, data }) => pickled({ key: String(names.indexOf(name)), elements: data.length, shape }))
      const file = join(folder, 'ViT-tiny.pt')
      const storages = Array.from(own.values(), ({ data }, i) => [`ViT-tiny/data/${i}`, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)] as const)
      await writeFile(file, zip([['ViT-tiny/data.pkl', pickle(root)], ['ViT-tiny/code/__torch__/module.py', 'class Module(Module): pass'], ...storages]))

      const { plugin, blocks } = visionOf(hub, hub.clip.config.image_size)
      const report = await importWeights(await start(plugin), file)
      expect(report).toMatchObject({ format: 'torchscript', kind: 'openai-clip', missing: [] })
      const dropped = report.skipped.map(({ name }) => name)
      expect(dropped).toContain(`visual.transformer.resblocks.${blocks}.attn.in_proj_weight`)
      expect(dropped).toContain('visual.proj')
      const { data, shape } = floats(hub.io.get('clip.in.pixel_values')!)
      const seen = tidy(() => {
        const pixels = transpose(tensor(data, shape as [number, number, number, number]), [0, 2, 3, 1]) as Tensor4D
        return pipeline.get(ImageEncoder).encode(pixels, inference()).dataSync()
      })
      expectClose(seen, hub.io.get('umd_visual.out.same_resolution')!.data)
    })

    it("the hub's BERT computes what it does there, in a text encoder of its kind only", async () => {
      // Made by bert.reference.py with transformers.
      const { tensors } = await readWeights(join(import.meta.dirname, '../packages/encoders/src/bert.reference.safetensors'))
      const own = Array.from(tensors).filter(([name]) => name.startsWith('weights.'))
      const file = join(folder, 'bert.safetensors')
      await writeSafetensors(file, new Map(own.map(([name, { shape, data }]) => [name.slice('weights.'.length), { shape, data: data as Float32Array }])))
      const sizes = { vocabSize: 40, width: 12, layers: 2, heads: 3, ffn: 20, maxPositions: 10, maxLength: 8 }
      const report = await importWeights(await start(bert(sizes)), file)
      expect(report).toMatchObject({ kind: 'hf-bert', missing: [], resized: [] })
      expect(new Set(report.skipped.map(({ name }) => name.split('.', 2).join('.')))).toEqual(
        new Set(['bert.pooler', 'cls.predictions', 'cls.seq_relationship']),
      )
      const rows = (name: string) => Int32Array.from(tensors.get(name)!.data as BigInt64Array, Number)
      const seen = tidy(() =>
        pipeline
          .get(TextEncoder)
          .encode(tensor(rows('ids'), [2, 8], 'int32'), tensor(rows('mask'), [2, 8], 'float32'), inference())
          .dataSync(),
      )
      expectClose(seen, tensors.get('hidden.2')!.data as Float32Array)
      await pipeline.close()
      await expect(importWeights(await start(roberta(sizes)), file)).rejects.toMatchObject({
        code: 'CHECKPOINT_MISMATCH',
        message: expect.stringContaining('token_type_embeddings'),
      })
    })

    it('a Lightning checkpoint of UMD goes into a whole model and out again, student and teacher', async () => {
      const student = (await readWeights(join(parity, 'pretrain_student.safetensors'))).tensors
      const teacher = (await readWeights(join(parity, 'pretrain_teacher.safetensors'))).tensors
      const all = [...student, ...Array.from(teacher, ([name, tensor]) => [`ema.module.${name}`, tensor] as const)].filter(
        ([, { data }]) => data instanceof Float32Array,
      )
      const state = Object.fromEntries(all.map(([name, { shape, data }], i) => [name, pickled({ key: String(i), elements: data.length, shape })]))
      const file = join(folder, 'umd.ckpt')
      const storages = all.map(([, { data }], i) => [`archive/data/${i}`, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)] as const)
      const config = object(global('argparse', 'Namespace'), dict({}))
      await writeFile(file, zip([['archive/data.pkl', pickle(dict({ state_dict: dict(state), hyper_parameters: dict({ config }) }))], ...storages]))

      const parameters = await start(...encoders(fixture), decoderOf(fixture), ...[mim(), mlm(), itm(), feaMlm({ feaDim: fixture.pretrain.settings.hidden })])
      for (const [how, tensors] of [
        [{}, student],
        [{ teacher: true }, teacher],
      ] as const) {
        const report = await importWeights(parameters, file, how)
        expect(report).toMatchObject({ format: 'torch-zip', kind: 'm3ae', missing: [], resized: [] })
        for (const { name, reason } of report.skipped) expect(reason, name).toMatch(/dead weight|a weight of the (student|averaged teacher)/)
        const out = await exportWeights(parameters, join(folder, 'umd.safetensors'), { names: 'm3ae' })
        expect(out.leftOut).toEqual([])
        const back = (await readWeights(out.file)).tensors
        expect([...back.keys()].sort()).toEqual([...report.loaded].sort())
        for (const [name, tensor] of back) expect(tensor, name).toEqual(tensors.get(name))
      }
    })
  })
})
