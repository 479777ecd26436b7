import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dataset } from '@unidiag/core/contracts/dataset'
import type { ImageLoader } from '@unidiag/core/contracts/image-loader'
import type { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { UniDiagError } from '@unidiag/core/errors'
import { atomicWrite } from '@unidiag/core/io/atomic-write'
import { MANIFEST, type Manifest, type TokenLengths, UNFINISHED } from './prepare/shard-format.js'
import { planShards } from './prepare/shard-plan.js'
import { finishedShard, type WrittenShard, writeShard } from './prepare/write-shard.js'

export type { Manifest } from './prepare/shard-format.js'

export interface PrepareOptions {
  /** Folder of the shards; made when it is not there. */
  readonly out: string
  /** The loader of the pipeline that will train. */
  readonly loader: ImageLoader
  /** `square`: what the loader cuts out of each image, as PNG. `whole`: for stages that cut at random. */
  readonly cut: 'square' | 'whole'
  /** Counts tokens of the texts. */
  readonly tokenizer?: Tokenizer | undefined
  readonly imagesPerShard?: number
  /** Starts anew where the folder holds shards of something else. */
  readonly replace?: boolean
  /** Told after each shard. */
  progress?(done: number, of: number): void
}

export interface Prepared {
  readonly manifest: Manifest
  /** Shards that were written now; the others were there. */
  readonly written: number
}

interface Begun {
  readonly file: string
  readonly fingerprint: string | undefined
}

/** What an earlier run left in the folder. */
async function begun(out: string): Promise<Begun | undefined> {
  for (const file of [MANIFEST, UNFINISHED]) {
    const text = await readFile(join(out, file), 'utf8').catch(() => undefined)
    if (text === undefined) continue
    try {
      return { file, fingerprint: String((JSON.parse(text) as { fingerprint?: unknown }).fingerprint) }
    } catch {
      return { file, fingerprint: undefined }
    }
  }
  return undefined
}

/** Makes the folder ready: empty, or with shards of the same plan. */
async function enter(out: string, fingerprint: string, replace: boolean): Promise<void> {
  await mkdir(out, { recursive: true })
  const names = await readdir(out)
  const before = await begun(out)
  if (!before && names.length > 0)
    throw new UniDiagError('OPTION_INVALID', `${out} is not empty, and not a folder of prepared shards`, { fix: 'Give a new folder.' })
  if (before && before.fingerprint !== fingerprint) {
    if (!replace)
      throw new UniDiagError('DATA_STALE', `the shards in ${out} were made from other data or with other settings`, {
        fix: 'Give another folder, or add `--replace` to make them anew.',
      })
    for (const name of names) if (/^(prepar(ed|ing)\.json|.+-\d{6}\.(tar|jsonl)(\.tmp)?)$/.test(name)) await rm(join(out, name))
  }
}

const json = (out: string, name: string, value: unknown): Promise<void> =>
  atomicWrite(join(out, name), (handle) => handle.writeFile(`${JSON.stringify(value, null, 2)}\n`))

function lengthsOf(written: readonly WrittenShard[]): TokenLengths | undefined {
  const counts = written.flatMap(({ lines }) => lines.flatMap(({ samples }) => samples.flatMap(({ tokens }) => tokens ?? []))).sort((a, b) => a - b)
  if (counts.length === 0) return undefined
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length
  return { longest: counts.at(-1)!, mean: Math.round(mean * 100) / 100, p99: counts[Math.ceil(0.99 * counts.length) - 1] }
}

/**
 * Writes a data set as WebDataset tar shards whose images are ready for the loader, with an index. The plugin `@unidiag/datasets/prepared` reads them;
 * a pipeline gets the same batches from them as from the raw files. A folder that an earlier run left unfinished is completed; one that is complete and
 * still right is left alone.
 * @throws UniDiagError DATA_STALE when the folder holds shards of other data or settings, FILE_UNWRITABLE, OPTION_INVALID
 */
export async function prepareDataset(
  dataset: Dataset,
  { out, loader, cut, tokenizer, imagesPerShard = 1000, replace = false, progress }: PrepareOptions,
): Promise<Prepared> {
  const { ahead } = loader
  if (!ahead) throw new UniDiagError('OPTION_INVALID', 'the image loader of the pipeline cannot prepare images', { fix: 'Use `images` of @unidiag/datasets.' })
  const plan = await planShards(dataset, imagesPerShard)
  const recipe = ahead.recipe(cut)
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([plan.fingerprint, cut, recipe, tokenizer?.fingerprint]))
    .digest('hex')
  await enter(out, fingerprint, replace)
  const settled = (await begun(out))?.file === MANIFEST
  if (!settled) await json(out, UNFINISHED, { fingerprint })
  const shards: WrittenShard[] = []
  let written = 0
  for (const planned of plan.shards) {
    const there = await finishedShard(out, planned)
    if (!there) written++
    shards.push(there ?? (await writeShard(out, planned, { ahead, cut, tokenizer })))
    progress?.(shards.length, plan.shards.length)
  }
  const splits = dataset.splits.map((split) => {
    const own = shards.filter(({ entry }) => entry.split === split)
    const sum = (of: (shard: WrittenShard) => number): number => own.reduce((total, shard) => total + of(shard), 0)
    const tokens = lengthsOf(own)
    const counts = { samples: dataset.samples(split).length, images: sum(({ entry }) => entry.images), lost: sum(({ entry }) => entry.lost) }
    return [split, { ...counts, ...(tokens && { tokens }) }] as const
  })
  const manifest: Manifest = {
    format: 'unidiag-shards',
    version: 1,
    name: dataset.name,
    synthetic: dataset.synthetic,
    fingerprint,
    cut,
    recipe: { ...recipe },
    ...(tokenizer && { tokenizer: tokenizer.fingerprint }),
    splits: Object.fromEntries(splits),
    shards: shards.map(({ entry }) => entry),
  }
  await json(out, MANIFEST, manifest)
  await rm(join(out, UNFINISHED), { force: true })
  return { manifest, written }
}
