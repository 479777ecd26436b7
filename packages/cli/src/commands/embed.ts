import { Dataset, type Sample } from '@unidiag/core/contracts/dataset'
import { Fusion, ImageEncoder, TextEncoder } from '@unidiag/core/contracts/encoders'
import { ImageLoader } from '@unidiag/core/contracts/image-loader'
import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { BatchLoader } from '@unidiag/core/data/loader'
import { UniDiagError } from '@unidiag/core/errors'
import { VisionLanguageModel } from '@unidiag/core/model'
import { Random, RandomSource } from '@unidiag/core/random'
import { chooseDataset } from '@unidiag/core/stages/training-data'
import { Command, Option } from 'commander'
import { backendOption } from '../backend-option.js'
import { collectFeatures, type FeatureName, featureNames } from '../embed/features.js'
import { type MapMethod, makeMaps, mapMethods } from '../embed/maps.js'
import { embeddingFormat, writeEmbedding } from '../embed/write-embedding.js'
import { exitCodesHelp } from '../exit-codes.js'
import { positiveNumber, wholeNumber } from '../number-argument.js'
import { type Restored, restore } from '../restore.js'
import { setOption } from '../set-option.js'

interface EmbedOptions {
  readonly split: string
  readonly out: string
  readonly dataset?: string
  readonly limit?: number
  readonly maps: readonly (MapMethod | 'none')[]
  readonly dimensions: readonly ('2' | '3')[]
  readonly of: readonly FeatureName[]
  readonly perplexity: number
  readonly iterations: number
  readonly neighbors: number
  readonly minDist: number
  readonly seed?: number
  readonly withText?: boolean
  readonly set: readonly string[]
  readonly backend?: string
}

export function embedCommand(): Command {
  return new Command('embed')
    .description('Write what a model makes of a split: image, text and fused features with labels, and maps of them by t-SNE and UMAP.')
    .argument('<checkpoint>', 'a .safetensors file of a run, or the folder of a run (its best weights when it has them)')
    .requiredOption('--out <file>', 'file to write, .parquet or .safetensors')
    .option('--split <name>', 'split to embed', 'test')
    .option('--dataset <name>', 'name of the data set, when the run had several (default: the one it was tuned on)')
    .option('--limit <n>', 'embed this many samples, drawn by the seed', wholeNumber())
    .addOption(new Option('--maps <methods...>', 'how to make maps').choices([...mapMethods, 'none']).default([...mapMethods]))
    .addOption(new Option('--dimensions <n...>', 'of the maps').choices(['2', '3']).default(['2', '3']))
    .addOption(new Option('--of <features...>', 'features that maps are made of').choices(featureNames).default(['fused']))
    .option('--perplexity <n>', 't-SNE: neighbours of a point, roughly', positiveNumber, 30)
    .option('--iterations <n>', 't-SNE: iterations', wholeNumber(), 1000)
    .option('--neighbors <n>', 'UMAP: neighbours of a point', wholeNumber(), 15)
    .option('--min-dist <x>', 'UMAP: how near points may come', positiveNumber, 0.1)
    .option('--seed <n>', 'of the maps and of --limit (default: the seed of the run)', wholeNumber(0))
    .option('--with-text', 'write captions and questions too, which may speak of patients')
    .addOption(setOption('the saved config'))
    .addOption(backendOption())
    .addHelpText(
      'after',
      `
A row a sample: id, image_id, answer, answer_type and the fields of the data set; image and text (before the fusion) and fused (what heads read); a map in
columns such as fused_tsne2_x. How it was made is in the metadata, under unidiag. The same run, options and backend give the same file.

Examples:
  $ unidiag embed runs/vqa-rad --out vqa-rad.parquet
  $ unidiag embed runs/pretrain --split val --maps umap --of image text fused --out features.safetensors
${exitCodesHelp}`,
    )
    .action(embed)
}

async function embed(path: string, options: EmbedOptions): Promise<void> {
  embeddingFormat(options.out)
  const restored = await restore(path, { data: true, set: options.set, backend: options.backend })
  try {
    console.log(await write(restored, options))
  } finally {
    await restored.pipeline.close()
  }
}

async function write({ pipeline, checkpoint, settings }: Restored, o: EmbedOptions): Promise<string> {
  const random = o.seed === undefined ? pipeline.get(RandomSource) : new Random(o.seed)
  const dataset = chooseDataset('embed', pipeline.getAll(Dataset), o.dataset ?? settings.dataset)
  const samples = drawn(dataset.samples(o.split), o.limit, random)
  const model = new VisionLanguageModel({ image: pipeline.get(ImageEncoder), text: pipeline.get(TextEncoder), fusion: pipeline.get(Fusion) })
  const { pooling, batchSize } = settings
  const loader = new BatchLoader({
    tokenizer: pipeline.get(Tokenizer),
    images: pipeline.get(ImageLoader),
    parts: [],
    maxLength: settings.maxLength ?? model.text.maxLength,
    // The mean of all tokens counts padding.
    padded: pooling === 'mean',
    samples,
    batchSize,
    random,
    stage: `embed/${o.split}`,
    augment: false,
    shuffle: false,
  })
  const features = await collectFeatures({
    model,
    loader,
    pooling,
    onLost: ({ id, reason }) => console.error(`lost ${id}: ${reason}`),
    onBatch: (done) => console.error(`${done} of ${samples.length} samples`),
  })
  const n = features.samples.length
  const methods = o.maps.filter((method) => method !== 'none')
  const least = methods.length > 0 ? LEAST_POINTS : 1
  if (n < least)
    throw new UniDiagError(
      'NO_SAMPLES',
      `${dataset.name}, split ${o.split}, gives ${n} samples; ${least === 1 ? 'there is nothing to write' : `a map needs ${least}`}`,
    )
  const dimensions = o.dimensions.map((text) => Number(text) as 2 | 3)
  const maps = makeMaps(features, { ...o, methods, dimensions, random, onProgress: (message) => console.error(message) })
  const { stage, step } = checkpoint.state
  const protocol = { checkpoint: checkpoint.file, stage, step, dataset: dataset.name, synthetic: dataset.synthetic, split: o.split, samples: n, pooling }
  await writeEmbedding(o.out, { features, maps, protocol, withText: o.withText ?? false })
  const lost = samples.length - n
  return `${o.out}: ${n} samples of ${dataset.name}, split ${o.split}${lost > 0 ? ` (${lost} lost)` : ''}; maps: ${maps.map(({ name }) => name).join(', ') || 'none'}`
}

/** Neighbours in two directions, and then some. */
const LEAST_POINTS = 8

/** `limit` of the samples in their own order. */
function drawn(samples: readonly Sample[], limit: number | undefined, random: Random): readonly Sample[] {
  if (limit === undefined || limit >= samples.length) return samples
  const chosen = random.rng('embed', 'limit').permutation(samples.length).subarray(0, limit).sort()
  return Array.from(chosen, (i) => samples[i])
}
