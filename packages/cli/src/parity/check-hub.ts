import { type Tensor, type Tensor2D, type Tensor4D, tensor, tidy, transpose } from '@tensorflow/tfjs-core'
import { compose } from '@unidiag/core/compose'
import { ImageEncoder, TextEncoder } from '@unidiag/core/contracts/encoders'
import type { HostArray } from '@unidiag/core/data/host-array'
import { Forward } from '@unidiag/core/nn/forward'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import type { Pipeline } from '@unidiag/core/pipeline'
import type { AnyPlugin } from '@unidiag/core/plugin'
import { clipVit } from '@unidiag/encoders/clip-vit'
import { roberta } from '@unidiag/encoders/roberta'
import { type ImportReport, importWeights } from '@unidiag/weights/import-weights'
import { floats, integers } from './batch.js'
import { Comparison } from './comparison.js'
import type { Fixture, FixtureTensor } from './fixture.js'
import type { HubFixture } from './hub-fixture.js'
import { type ParityGroup, tolerances } from './report.js'

const visual = 'vision_encoder.visual'

/** Published models, imported as a user does, compute what they do where they come from. */
export async function checkHub({ hub }: Fixture): Promise<ParityGroup[]> {
  return hub ? [await clipAsPublished(hub), await clipResized(hub), await robertaAsPublished(hub)] : []
}

async function clipAsPublished(hub: HubFixture): Promise<ParityGroup> {
  const group = new Comparison('HuggingFace CLIP: imported, every block', tolerances.forward)
  const { blocks, plugin } = visionOf(hub, hub.clip.config.image_size)
  await imported(plugin, hub.clip.file, ({ pipeline }, report) => {
    complete(group, report)
    const seen = encodeImage(pipeline, hub.io.get('clip.in.pixel_values')!)
    compare(group, seen, hub, [
      [`${visual}.ln_pre`, 'clip.out.hidden_states.0'],
      ...Array.from({ length: blocks }, (_, i) => [`${visual}.transformer.resblocks.${i}`, `clip.out.hidden_states.${i + 1}`] as const),
      [`${visual}.ln_post`, 'umd_visual.out.same_resolution'],
    ])
  })
  return group.result()
}

async function clipResized(hub: HubFixture): Promise<ParityGroup> {
  const group = new Comparison('HuggingFace CLIP: at another image size', tolerances.forward)
  const pixels = hub.io.get('umd_visual.in.resized_pixel_values')!
  await imported(visionOf(hub, pixels.shape[2]).plugin, hub.clip.file, ({ pipeline, positions }, report) => {
    complete(group, report)
    const seen = encodeImage(pipeline, pixels).set(`${visual}.positional_embedding`, positions())
    compare(group, seen, hub, [
      [`${visual}.positional_embedding`, 'umd_visual.resized_positional_embedding'],
      [`${visual}.ln_post`, 'umd_visual.out.resized'],
    ])
  })
  return group.result()
}

async function robertaAsPublished(hub: HubFixture): Promise<ParityGroup> {
  const group = new Comparison('HuggingFace RoBERTa: imported, every layer', tolerances.forward)
  const { config, file } = hub.roberta
  const [ids, mask] = ['input_ids', 'attention_mask'].map((name) => hub.io.get(`roberta.in.${name}`)!)
  const plugin = roberta({
    vocabSize: config.vocab_size,
    width: config.hidden_size,
    layers: config.num_hidden_layers,
    heads: config.num_attention_heads,
    ffn: config.intermediate_size,
    maxPositions: config.max_position_embeddings,
    maxLength: ids.shape[1],
    eps: config.layer_norm_eps,
  })
  await imported(plugin, file, ({ pipeline }, report) => {
    complete(group, report)
    const seen = tapped((forward) => pipeline.get(TextEncoder).encode(toTensor<Tensor2D>(integers(ids)), toTensor<Tensor2D>(floats(mask)), forward))
    compare(group, seen, hub, [
      ['language_encoder.embeddings', 'roberta.out.hidden_states.0'],
      ...Array.from({ length: config.num_hidden_layers }, (_, i) => [`language_encoder.encoder.layer.${i}`, `roberta.out.hidden_states.${i + 1}`] as const),
    ])
  })
  return group.result()
}

/** The hub's image tower without its last block, as the reference uses it. */
export function visionOf({ clip: { config } }: HubFixture, imageSize: number) {
  const blocks = config.num_hidden_layers - 1
  const { patch_size: patchSize, hidden_size: width, num_attention_heads: heads } = config
  return { blocks, plugin: clipVit({ imageSize, patchSize, width, heads, blocks, mlpRatio: config.intermediate_size / width }) }
}

interface Imported {
  readonly pipeline: Pipeline
  positions(): Float32Array
}

async function imported(plugin: AnyPlugin, file: string, f: (model: Imported, report: ImportReport) => void): Promise<void> {
  const pipeline = await compose({ plugins: [plugin] })
  try {
    const parameters = pipeline.get(ParameterStore)
    const report = await importWeights(parameters, file)
    f({ pipeline, positions: () => Float32Array.from(parameters.get(`${visual}.positional_embedding`).value.dataSync()) }, report)
  } finally {
    await pipeline.close()
  }
}

/** Nothing of the model may keep its random values. */
const complete = (group: Comparison, { missing }: ImportReport): void => group.names('parameters that the file lacks', missing, [])

const encodeImage = (pipeline: Pipeline, pixels: FixtureTensor): Map<string, Float32Array> =>
  tapped((forward) => pipeline.get(ImageEncoder).encode(transpose(toTensor<Tensor4D>(floats(pixels)), [0, 2, 3, 1]), forward))

function tapped(run: (forward: Forward) => Tensor): Map<string, Float32Array> {
  const seen = new Map<string, Float32Array>()
  tidy(() => void run(new Forward({ training: false, tap: (name, value) => seen.set(name, Float32Array.from(value.dataSync())) })))
  return seen
}

function compare(group: Comparison, seen: ReadonlyMap<string, Float32Array>, { io }: HubFixture, pairs: readonly (readonly [string, string])[]): void {
  for (const [name, stored] of pairs) group.tensor(stored, seen.get(name), io.get(stored)?.data ?? [])
}

const toTensor = <T extends Tensor>({ data, shape }: HostArray): T => tensor(data, shape as number[], data instanceof Int32Array ? 'int32' : 'float32') as T
