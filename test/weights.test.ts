import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Tensor, type Tensor2D, type Tensor4D, tensor, tidy, transpose } from '@tensorflow/tfjs-core'
import { compose } from '@unidiag/core/compose'
import { ImageEncoder, TextEncoder } from '@unidiag/core/contracts/encoders'
import { type StoredTensor, writeSafetensors } from '@unidiag/core/io/safetensors'
import { Forward } from '@unidiag/core/nn/forward'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import type { Pipeline } from '@unidiag/core/pipeline'
import type { AnyPlugin } from '@unidiag/core/plugin'
import { clipVit } from '@unidiag/encoders/clip-vit'
import { coAttention } from '@unidiag/encoders/co-attention'
import { roberta } from '@unidiag/encoders/roberta'
import { feaMlm } from '@unidiag/pretrain/fea-mlm'
import { itm } from '@unidiag/pretrain/itm'
import { mim } from '@unidiag/pretrain/mim'
import { mimDecoder } from '@unidiag/pretrain/mim-decoder'
import { mlm } from '@unidiag/pretrain/mlm'
import { describeBackends } from '@unidiag/testing/backends'
import { describeShared } from '@unidiag/testing/shared'
import { exportWeights } from '@unidiag/weights/export-weights'
import { type ImportReport, importWeights } from '@unidiag/weights/import-weights'
import { toUniDiagNames } from '@unidiag/weights/names'
import { readWeights } from '@unidiag/weights/read-weights'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { type Code, dict, global, object, pickle, tensor as pickled } from '../packages/weights/src/fixtures/pickle.js'
import { zip } from '../packages/weights/src/fixtures/zip.js'

type Tensors = ReadonlyMap<string, StoredTensor>
// The agreement is about 2e-6.
const tolerance = 1e-5
const visual = 'vision_encoder.visual'

const toTensor = <T extends Tensor>({ data, shape }: StoredTensor): T => {
  const integers = data instanceof BigInt64Array
  return tensor(integers ? Int32Array.from(data, Number) : (data as Float32Array), shape as number[], integers ? 'int32' : 'float32') as T
}

function expectClose(actual: Float32Array | undefined, { data }: StoredTensor, name: string): void {
  expect(actual?.length, name).toBe(data.length)
  const expected = data as Float32Array
  let [difference, magnitude] = [0, 0]
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(actual![i] - expected[i]))
    magnitude = Math.max(magnitude, Math.abs(expected[i]))
  }
  expect(difference / magnitude, name).toBeLessThan(tolerance)
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
    const json = async (file: string) => JSON.parse(await readFile(join(parity, file), 'utf8'))
    let io: Tensors
    let folder: string
    let pipeline: Pipeline
    beforeAll(async () => {
      io = (await readWeights(join(parity, 'hf_io.safetensors'))).tensors
      folder = await mkdtemp(join(tmpdir(), 'unidiag-weights-'))
    })
    afterEach(() => pipeline.close())
    afterAll(() => rm(folder, { recursive: true }))

    const start = async (...plugins: AnyPlugin[]) => {
      pipeline = await compose({ plugins })
      return pipeline.get(ParameterStore)
    }
    const seenBy = (run: (forward: Forward) => Tensor) => {
      const seen = new Map<string, Float32Array>()
      tidy(() => run(new Forward({ training: false, tap: (name, value) => seen.set(name, value.dataSync().slice() as Float32Array) })))
      return seen
    }

    /** The image tower of the hub's tiny CLIP, without its last block. */
    async function clip(imageSize: number) {
      const config = await json('hf_clip_vision/config.json')
      const plugin = clipVit({
        imageSize,
        patchSize: config.patch_size,
        width: config.hidden_size,
        heads: config.num_attention_heads,
        blocks: config.num_hidden_layers - 1,
      })
      return { parameters: await start(plugin), blocks: config.num_hidden_layers - 1 }
    }
    const look = (input: string) =>
      seenBy((forward) => pipeline.get(ImageEncoder).encode(transpose(toTensor<Tensor4D>(io.get(input)!), [0, 2, 3, 1]) as Tensor4D, forward))

    it("the hub's CLIP computes what it does there", async () => {
      const { parameters, blocks } = await clip(16)
      const report = await importWeights(parameters, join(parity, 'hf_clip_vision/model.safetensors'))
      expect(report).toMatchObject({ kind: 'hf-clip', missing: [], resized: [] })
      const seen = look('clip.in.pixel_values')
      expectClose(seen.get(`${visual}.ln_pre`), io.get('clip.out.hidden_states.0')!, 'ln_pre')
      for (let i = 0; i < blocks; i++) expectClose(seen.get(`${visual}.transformer.resblocks.${i}`), io.get(`clip.out.hidden_states.${i + 1}`)!, `block ${i}`)
      expectClose(seen.get(`${visual}.ln_post`), io.get('umd_visual.out.same_resolution')!, 'ln_post')
    })

    it('and at another resolution', async () => {
      const { parameters } = await clip(24)
      const report = await importWeights(parameters, join(parity, 'hf_clip_vision/model.safetensors'))
      expect(report).toMatchObject({ missing: [], resized: [{ name: `${visual}.positional_embedding`, from: [17, 32], to: [37, 32] }] })
      expectClose(parameters.export().get(`${visual}.positional_embedding`)?.data, io.get('umd_visual.resized_positional_embedding')!, 'positions')
      expectClose(look('umd_visual.in.resized_pixel_values').get(`${visual}.ln_post`), io.get('umd_visual.out.resized')!, 'ln_post')
    })

    it("an archive of OpenAI's CLIP computes the same", async () => {
      const { tensors } = await readWeights(join(parity, 'hf_clip_vision/model.safetensors'))
      const { weights } = toUniDiagNames(tensors, 'hf-clip', { wanted: () => true })
      const own = new Map<string, StoredTensor>(Array.from(weights, ([name, tensor]) => [name.replace('vision_encoder.', ''), { dtype: 'F32', ...tensor }]))
      own.set('visual.proj', { dtype: 'F32', shape: [1], data: Float32Array.of(0) })
      own.set('logit_scale', { dtype: 'F32', shape: [], data: Float32Array.of(1) })
      const names = [...own.keys()]
      const root = nested(own, (name, { shape, data }) => pickled({ key: String(names.indexOf(name)), elements: data.length, shape }))
      const file = join(folder, 'ViT-tiny.pt')
      const storages = Array.from(own.values(), ({ data }, i) => [`ViT-tiny/data/${i}`, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)] as const)
      await writeFile(file, zip([['ViT-tiny/data.pkl', pickle(root)], ['ViT-tiny/code/__torch__/module.py', 'class Module(Module): pass'], ...storages]))

      const { parameters, blocks } = await clip(16)
      const report = await importWeights(parameters, file)
      expect(report).toMatchObject({ format: 'torchscript', kind: 'openai-clip', missing: [] })
      const dropped = report.skipped.map(({ name }) => name)
      expect(dropped).toContain(`visual.transformer.resblocks.${blocks}.attn.in_proj_weight`)
      expect(dropped).toContain('visual.proj')
      expectClose(look('clip.in.pixel_values').get(`${visual}.ln_post`), io.get('umd_visual.out.same_resolution')!, 'ln_post')
    })

    it("the hub's RoBERTa computes what it does there", async () => {
      const c = await json('hf_roberta/config.json')
      const parameters = await start(
        roberta({
          vocabSize: c.vocab_size,
          width: c.hidden_size,
          layers: c.num_hidden_layers,
          heads: c.num_attention_heads,
          ffn: c.intermediate_size,
          maxPositions: c.max_position_embeddings,
          maxLength: 9,
        }),
      )
      expect(await importWeights(parameters, join(parity, 'hf_roberta/model.safetensors'))).toMatchObject({ kind: 'hf-roberta', missing: [], resized: [] })
      const [ids, mask] = ['input_ids', 'attention_mask'].map((name) => io.get(`roberta.in.${name}`)!)
      const seen = seenBy((forward) => pipeline.get(TextEncoder).encode(toTensor<Tensor2D>(ids), toTensor<Tensor2D>(mask), forward))
      expectClose(seen.get('language_encoder.embeddings'), io.get('roberta.out.hidden_states.0')!, 'embeddings')
      for (let i = 0; i < c.num_hidden_layers; i++)
        expectClose(seen.get(`language_encoder.encoder.layer.${i}`), io.get(`roberta.out.hidden_states.${i + 1}`)!, `layer ${i}`)
    })

    it.each(['14to18', '2to7', '3to4', '4to3', '5to5', '7to24'])('position tables are resized as torch does: %s', async (sizes) => {
      const [table, expected] = ['in', 'out'].map((end) => io.get(`bicubic.${sizes}.${end}`)!)
      const file = join(folder, 'positions.safetensors')
      await writeSafetensors(file, new Map([[`${visual}.positional_embedding`, { shape: table.shape, data: table.data as Float32Array }]]))
      const parameters = await start(clipVit({ imageSize: Number(sizes.split('to')[1]), patchSize: 1, width: table.shape[1], heads: 1, blocks: 1 }))
      const report: ImportReport = await importWeights(parameters, file)
      expect(report.resized).toHaveLength(sizes === '5to5' ? 0 : 1)
      expectClose(parameters.export().get(`${visual}.positional_embedding`)?.data, expected, sizes)
    })

    it('a Lightning checkpoint of UMD goes into a whole model and out again, student and teacher', async () => {
      const { settings: s } = (await json('pretrain.json')) as { settings: Record<string, number> }
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

      const parameters = await start(
        clipVit({ imageSize: s.image_size, patchSize: s.patch, width: s.vit_width, heads: s.vit_heads, blocks: s.vit_depth }),
        roberta({
          vocabSize: s.vocab,
          width: s.text_width,
          layers: s.text_depth,
          heads: s.text_heads,
          ffn: s.text_ffn,
          maxPositions: s.max_pos,
          maxLength: s.text_len,
        }),
        coAttention({ width: s.hidden, layers: s.fusion, heads: s.heads, ffn: s.mlp_ratio * s.hidden }),
        mimDecoder({ width: s.dec_width, layers: s.dec_depth, heads: s.dec_heads }),
        ...[mim(), mlm(), itm(), feaMlm({ feaDim: s.hidden })],
      )
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
