import { readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { ImageSource, Sample } from '@unidiag/core/contracts/dataset'
import { mapBounded } from '@unidiag/core/data/map-bounded'
import { UniDiagError } from '@unidiag/core/errors'
import { type IndexLine, indexLine, MANIFEST, type Manifest, manifest, type ShardEntry, UNFINISHED } from '../prepare/shard-format.js'
import type { Fault } from './fault.js'
import { find } from './find.js'
import { fitRow } from './placed-row.js'
import { readJsonLines } from './read-json-lines.js'
import { type Release, ReleaseBuilder } from './release.js'
import { memberImage } from './tar-image.js'

export interface PreparedRelease extends Release {
  readonly manifest?: Manifest
}

const AT_ONCE = 32

async function readManifest(dir: string, faults: Fault[]): Promise<Manifest | undefined> {
  const unfinished = await stat(join(dir, UNFINISHED)).catch(() => undefined)
  const file = unfinished ? undefined : await find(dir, [MANIFEST], faults)
  if (unfinished) throw new UniDiagError('DATA_STALE', `the shards in ${dir} are unfinished`)
  if (!file) return undefined
  try {
    return manifest.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch {
    faults.push({ code: 'DATA_MALFORMED', file, reason: 'not a list of prepared shards of this version' })
    return undefined
  }
}

/** An image of a shard; one that could not be read then cannot be read now, for the same reason. */
function imageOf(shard: string, { member, offset, size, lost }: IndexLine, number: number, side: number | undefined): ImageSource | undefined {
  if (member !== undefined && offset !== undefined && size !== undefined) return memberImage(shard, { name: member, offset, size }, side)
  return lost === undefined ? undefined : { name: `${shard}:${number}`, encoded: () => Promise.reject(new Error(lost)) }
}

/** @throws UniDiagError DATA_STALE when a file that is still there is not what the shards were made from */
async function refuseChanged(dir: string, lines: readonly IndexLine[]): Promise<void> {
  await mapBounded(lines, AT_ONCE, async ({ source }) => {
    const found = source && (await stat(source.file).catch(() => undefined))
    if (found && (found.size !== source.size || Math.trunc(found.mtimeMs) !== source.modified))
      throw new UniDiagError('DATA_STALE', `${source.file} has changed since the shards in ${dir} were made`)
  })
}

async function readIndex(dir: string, { file, bytes, images, lost }: ShardEntry, faults: Fault[]): Promise<IndexLine[]> {
  const shard = join(dir, basename(file))
  const found = await stat(shard).catch(() => undefined)
  if (!found) faults.push({ code: 'DATA_MISSING', file: shard, reason: 'the file does not exist' })
  else if (found.size !== bytes) faults.push({ code: 'DATA_MALFORMED', file: shard, reason: `expected ${bytes} bytes, found ${found.size}` })
  const index = shard.replace(/\.tar$/, '.jsonl')
  const lines: IndexLine[] = []
  // A shard without images has an empty index.
  if (images + lost === 0) return lines
  for await (const row of readJsonLines(index, faults)) {
    const line = fitRow(indexLine, row, index, faults)
    if (line) lines.push(line)
  }
  if (lines.length !== images + lost && faults.length === 0)
    faults.push({ code: 'DATA_MALFORMED', file: index, reason: `expected ${images + lost} lines, found ${lines.length}` })
  return lines
}

/**
 * Reads shards of `unidiag data prepare`: the samples of the data set that they were made from, in its order.
 * @param check whether files that the shards were made from, and that are still there, must be unchanged
 * @throws UniDiagError DATA_STALE
 */
export async function readPrepared(dir: string, check: boolean): Promise<PreparedRelease> {
  const release = new ReleaseBuilder()
  const { faults } = release
  const made = await readManifest(dir, faults)
  if (!made) return release.build('prepared')
  const side = made.cut === 'square' ? Number(made.recipe.size) : undefined
  const splits = new Map(Object.entries(made.splits).map(([split, { samples }]) => [split, new Array<Sample | undefined>(samples).fill(undefined)]))
  for (const entry of made.shards) {
    const lines = await readIndex(dir, entry, faults)
    if (check) await refuseChanged(dir, lines)
    const shard = join(dir, basename(entry.file))
    for (const [number, line] of lines.entries()) {
      const image = imageOf(shard, line, number, side)
      for (const { at, tokens: _, answers, answerType, fields, ...sample } of image ? line.samples : []) {
        const said = { ...sample, image: image!, ...(answers && { answers }), ...(answerType && { answerType }), ...(fields && { fields }) }
        const samples = splits.get(entry.split)
        if (samples && at < samples.length) samples[at] = said
      }
    }
  }
  for (const [split, samples] of splits) {
    const there = samples.filter((sample) => sample !== undefined)
    if (there.length < samples.length && faults.length === 0)
      faults.push({ code: 'DATA_MALFORMED', file: dir, reason: `${samples.length - there.length} samples of ${split} are in no shard` })
    // As they were: what the other data set left out is not in here.
    release.splits.set(split, there)
  }
  return { ...release.build('prepared'), manifest: made }
}
