import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Tensor, type Tensor2D, type Tensor4D, tensor, tidy, transpose } from '@tensorflow/tfjs-core'
import { readFloat32, readSafetensors, type StoredTensor } from '@unidiag/core/io/safetensors'
import { VisionLanguageModel } from '@unidiag/core/model'
import { Forward } from '@unidiag/core/nn/forward'
import { type FileTensor, Parameters } from '@unidiag/core/nn/parameter'
import { Random } from '@unidiag/core/random'
import { describeBackends } from '@unidiag/testing/backends'
import { describeShared } from '@unidiag/testing/shared'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { CoAttentionFusion } from './co-attention-fusion.js'
import { RobertaEncoder } from './roberta-encoder.js'
import { VisionTransformer } from './vision-transformer.js'

type Tensors = ReadonlyMap<string, StoredTensor>
// The agreement is about 2e-6.
const tolerance = 1e-5

const toTensor = <T extends Tensor>({ data, shape }: StoredTensor): T => {
  const integers = data instanceof BigInt64Array
  return tensor(integers ? Int32Array.from(data, Number) : (data as Float32Array), shape as number[], integers ? 'int32' : 'float32') as T
}
const channelsLast = (image: StoredTensor): Tensor4D => transpose(toTensor<Tensor4D>(image), [0, 2, 3, 1])

/** Largest difference over the largest magnitude. */
function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length)
  let [difference, magnitude] = [0, 0]
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(actual[i] - expected[i]))
    magnitude = Math.max(magnitude, Math.abs(expected[i]))
  }
  return difference / magnitude
}

function tapInto(seen: Map<string, Float32Array>): Forward {
  return new Forward({ training: false, tap: (name, value) => seen.set(name, value.dataSync().slice() as Float32Array) })
}

describeBackends('encoders against the reference', () => {
  describeShared('whole model', (dir) => {
    const parameters = new Parameters(new Random(0))
    let io: Tensors
    let model: VisionLanguageModel

    beforeAll(async () => {
      const { settings: s } = JSON.parse(await readFile(join(dir, 'parity/pretrain.json'), 'utf8')) as { settings: Record<string, number> }
      io = (await readSafetensors(join(dir, 'parity/pretrain_io.safetensors'))).tensors
      const common = { dropout: 0.1, initStd: 0.02 }
      const image = new VisionTransformer(parameters, {
        name: 'clip-vit',
        imageSize: s.image_size,
        patchSize: s.patch,
        width: s.vit_width,
        heads: s.vit_heads,
        blocks: s.vit_depth,
        mlpRatio: 4,
      })
      const text = new RobertaEncoder(parameters, {
        ...common,
        name: 'roberta',
        vocabSize: s.vocab,
        width: s.text_width,
        layers: s.text_depth,
        heads: s.text_heads,
        ffn: s.text_ffn,
        maxPositions: s.max_pos,
        maxLength: s.text_len,
        eps: 1e-5,
      })
      const fusion = new CoAttentionFusion(parameters, {
        ...common,
        width: s.hidden,
        layers: s.fusion,
        heads: s.heads,
        ffn: s.hidden * s.mlp_ratio,
        eps: 1e-12,
        imageWidth: s.vit_width,
        textWidth: s.text_width,
      })
      model = new VisionLanguageModel({ image, text, fusion })
    })
    afterAll(() => parameters.dispose())

    const stored = (name: string) => {
      const found = io.get(name)
      if (!found) throw new Error(`the fixture has no ${name}`)
      return found
    }
    /** Runs a pass and gives the relative error of everything it shows, by name. */
    async function compare(pass: 'masked' | 'teacher' | 'itm'): Promise<Map<string, number>> {
      const weights = await readFloat32(join(dir, `parity/pretrain_${pass === 'teacher' ? 'teacher' : 'student'}.safetensors`))
      const report = parameters.load(weights)
      expect(report.missing).toEqual([])
      const seen = new Map<string, Float32Array>()
      tidy(() => {
        const forward = tapInto(seen)
        const mask = toTensor<Tensor2D>(stored('in.text_masks'))
        const inputs = {
          image: channelsLast(stored(pass === 'itm' ? 'in.itm_image' : 'in.image')),
          ids: toTensor<Tensor2D>(stored(pass === 'masked' ? 'in.text_ids_mlm' : 'in.text_ids')),
          mask,
          keep: pass === 'masked' ? keptPatches(stored('in.mim_noise')) : undefined,
        }
        model.fusion.pool(model.encode(inputs, forward), mask, 'first', forward)
      })
      const errors = new Map<string, number>()
      for (const [full, { data, shape }] of io) {
        if (!full.startsWith(`${pass}.`) || /mlm_head|mim_/.test(full)) continue
        const name = full.slice(pass.length + 1)
        const actual = seen.get(name)
        expect(actual, `${name} is shown`).toBeDefined()
        const expected = name === 'patch_embed_conv1' ? rasterOrder(data as Float32Array, shape) : (data as Float32Array)
        errors.set(name, relativeError(actual as Float32Array, expected))
      }
      return errors
    }

    it.each(['masked', 'teacher', 'itm'] as const)('gives the intermediate values of the %s pass', async (pass) => {
      const errors = await compare(pass)
      expect(errors.size).toBeGreaterThan(10)
      expect([...errors].filter(([, error]) => !(error <= tolerance))).toEqual([])
    })

    it('would notice 10 % of noise in the weights', async () => {
      const weights = await readFloat32(join(dir, 'parity/pretrain_student.safetensors'))
      parameters.load(weights)
      const seen = new Map<string, Float32Array>()
      const mask = toTensor<Tensor2D>(stored('in.text_masks'))
      tidy(() => {
        model.encode({ image: channelsLast(stored('in.image')), ids: toTensor<Tensor2D>(stored('in.text_ids')), mask }, tapInto(seen))
      })
      mask.dispose()
      // That is how the teacher's weights were made from the student's.
      const name = 'multi_modal_vision_layers.0'
      expect(relativeError(seen.get(name) as Float32Array, stored(`teacher.${name}`).data as Float32Array)).toBeGreaterThan(100 * tolerance)
    })
  })

  describeShared('hub models', (dir) => {
    const hf = (name: string) => readFloat32(join(dir, 'parity', name, 'model.safetensors'))
    const read = async (file: string) => JSON.parse(await readFile(join(dir, 'parity', file), 'utf8')) as Record<string, number>
    let io: Tensors
    beforeAll(async () => {
      io = (await readSafetensors(join(dir, 'parity/hf_io.safetensors'))).tensors
    })
    const expectClose = (actual: Float32Array | undefined, name: string) =>
      expect(relativeError(actual as Float32Array, io.get(name)?.data as Float32Array), name).toBeLessThan(tolerance)

    it.each([
      ['clip.in.pixel_values', 'umd_visual.out.same_resolution'],
      ['umd_visual.in.resized_pixel_values', 'umd_visual.out.resized'],
    ])('reads a CLIP vision model and leaves out its last block: %s', async (input, output) => {
      const config = await read('hf_clip_vision/config.json')
      const pixels = io.get(input) as StoredTensor
      const parameters = new Parameters(new Random(0))
      const blocks = config.num_hidden_layers - 1
      const encoder = new VisionTransformer(parameters, {
        name: 'clip-vit',
        imageSize: pixels.shape[2],
        patchSize: config.patch_size,
        width: config.hidden_size,
        heads: config.num_attention_heads,
        blocks,
        mlpRatio: config.intermediate_size / config.hidden_size,
      })
      const stored = clipFromHub(await hf('hf_clip_vision'))
      const report = parameters.load(stored, { strict: true })
      expect(report.unused.every((name) => name.includes(`resblocks.${blocks}.`))).toBe(true)
      const seen = new Map<string, Float32Array>()
      tidy(() => encoder.encode(channelsLast(pixels), tapInto(seen)))
      expectClose(seen.get('vision_encoder.visual.ln_post'), output)
      if (input === 'clip.in.pixel_values') {
        expectClose(seen.get('vision_encoder.visual.ln_pre'), 'clip.out.hidden_states.0')
        for (let i = 0; i < blocks; i++) expectClose(seen.get(`vision_encoder.visual.transformer.resblocks.${i}`), `clip.out.hidden_states.${i + 1}`)
      } else expectClose(parameters.export().get('vision_encoder.visual.positional_embedding')?.data, 'umd_visual.resized_positional_embedding')
      parameters.dispose()
    })

    it('reads a RoBERTa', async () => {
      const config = await read('hf_roberta/config.json')
      const parameters = new Parameters(new Random(0))
      const encoder = new RobertaEncoder(parameters, {
        name: 'roberta',
        vocabSize: config.vocab_size,
        width: config.hidden_size,
        layers: config.num_hidden_layers,
        heads: config.num_attention_heads,
        ffn: config.intermediate_size,
        maxPositions: config.max_position_embeddings,
        maxLength: 9,
        dropout: 0.1,
        eps: config.layer_norm_eps,
        initStd: 0.02,
      })
      const report = parameters.load(
        new Map(
          [...(await hf('hf_roberta'))].flatMap(([name, value]) => (/^roberta\.e/.test(name) ? [[name.replace('roberta', 'language_encoder'), value]] : [])),
        ),
        { strict: true },
      )
      expect(report.unused).toEqual([])
      const seen = new Map<string, Float32Array>()
      const [ids, mask] = ['roberta.in.input_ids', 'roberta.in.attention_mask'].map((name) => io.get(name) as StoredTensor)
      tidy(() => encoder.encode(toTensor(ids), toTensor(mask), tapInto(seen)))
      expectClose(seen.get('language_encoder.embeddings'), 'roberta.out.hidden_states.0')
      for (let i = 0; i < config.num_hidden_layers; i++) expectClose(seen.get(`language_encoder.encoder.layer.${i}`), `roberta.out.hidden_states.${i + 1}`)
      parameters.dispose()
    })
  })
})

/** The quarter of the patches with the smallest noise, in that order. */
function keptPatches({ data, shape: [batch, count] }: StoredTensor): Tensor2D {
  const kept = Math.floor(count * 0.25)
  const rows = Array.from({ length: batch }, (_, b) => {
    const noise = (data as Float32Array).subarray(b * count, (b + 1) * count)
    return Array.from(noise.keys())
      .sort((i, j) => noise[i] - noise[j])
      .slice(0, kept)
  })
  return tensor(rows, [batch, kept], 'int32')
}

/** `[B, width, grid, grid]` to `[B, grid * grid, width]`. */
function rasterOrder(data: Float32Array, [batch, width, rows, columns]: readonly number[]): Float32Array {
  const count = rows * columns
  const out = new Float32Array(data.length)
  for (let b = 0; b < batch; b++)
    for (let c = 0; c < width; c++) for (let i = 0; i < count; i++) out[(b * count + i) * width + c] = data[(b * width + c) * count + i]
  return out
}

/** The hub's names of a CLIP vision model become the reference's; query, key and value projections are stacked (names of the hub). */
function clipFromHub(stored: ReadonlyMap<string, FileTensor>): Map<string, FileTensor> {
  const renames: [RegExp, string][] = [
    [/^vision_model\.(embeddings\.)?/, 'vision_encoder.visual.'],
    [/patch_embedding/, 'conv1'],
    [/position_embedding\.weight/, 'positional_embedding'],
    [/pre_layrnorm/, 'ln_pre'],
    [/post_layernorm/, 'ln_post'],
    [/encoder\.layers/, 'transformer.resblocks'],
    [/layer_norm/, 'ln_'],
    [/self_attn/, 'attn'],
    [/mlp\.fc1/, 'mlp.c_fc'],
    [/mlp\.fc2/, 'mlp.c_proj'],
    [/q_proj\./, 'in_proj_'],
  ]
  const out = new Map<string, FileTensor>()
  for (const [name, value] of stored) {
    if (/[kv]_proj\./.test(name)) continue
    const parts = name.includes('.q_proj.') ? ['q', 'k', 'v'].map((part) => stored.get(name.replace('.q_proj.', `.${part}_proj.`)) as FileTensor) : [value]
    const [rows, ...rest] = value.shape
    const data = Float32Array.from(parts.flatMap((part) => [...part.data]))
    out.set(
      renames.reduce((renamed, [from, to]) => renamed.replace(from, to), name),
      { shape: [rows * parts.length, ...rest], data },
    )
  }
  return out
}
