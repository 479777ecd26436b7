import type { FileHandle } from 'node:fs/promises'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { WorkAhead } from '@unidiag/core/contracts/image-loader'
import type { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { mapBounded } from '@unidiag/core/data/map-bounded'
import { UniDiagError } from '@unidiag/core/errors'
import { atomicWrite } from '@unidiag/core/io/atomic-write'
import { readLines } from '../release/read-lines.js'
import { type IndexLine, indexLine, type ShardEntry } from './shard-format.js'
import type { PlannedImage, PlannedShard } from './shard-plan.js'
import { TAR_HEADER, tarEnd, tarHeader, tarPadding } from './tar-blocks.js'

export interface ShardOptions {
  readonly ahead: WorkAhead
  readonly cut: 'square' | 'whole'
  readonly tokenizer?: Tokenizer | undefined
}

/** Images made at once; they wait in memory for their turn to be written. */
const AT_ONCE = 8

/** A finished shard and its index. */
export interface WrittenShard {
  readonly entry: ShardEntry
  readonly lines: readonly IndexLine[]
}

const plain = (samples: PlannedImage['samples'], tokenizer: Tokenizer | undefined): IndexLine['samples'] =>
  samples.map(({ at, sample: { id, imageId, text, answers, answerType, fields } }) => ({
    at,
    id,
    imageId,
    text,
    ...(answers && { answers: [...answers] }),
    ...(answerType && { answerType }),
    ...(fields && { fields: { ...fields } }),
    ...(tokenizer && { tokens: tokenizer.encode(text).length }),
  }))

/** The image as bytes, or the reason why there is none. */
async function encode({ image }: PlannedImage, { ahead, cut }: ShardOptions): Promise<{ bytes: Uint8Array; extension: string } | { lost: string }> {
  try {
    return await ahead.encode(image, cut)
  } catch (error) {
    if (!(error instanceof UniDiagError) || error.code !== 'IMAGE_UNREADABLE') throw error
    const name = 'file' in image ? image.file : 'name' in image ? image.name : ''
    return { lost: error.message.replace(`${name}: `, '') }
  }
}

async function writeMembers(handle: FileHandle, images: readonly PlannedImage[], options: ShardOptions): Promise<IndexLine[]> {
  const lines: IndexLine[] = []
  let offset = 0
  const put = async (name: string, bytes: Uint8Array): Promise<number> => {
    const start = offset + TAR_HEADER
    const whole = Buffer.concat([tarHeader(name, bytes.length), bytes, tarPadding(bytes.length)])
    await handle.writeFile(whole)
    offset += whole.length
    return start
  }
  for (let from = 0; from < images.length; from += AT_ONCE) {
    const part = images.slice(from, from + AT_ONCE)
    const encoded = await mapBounded(part, AT_ONCE, (image) => encode(image, options))
    for (const [i, result] of encoded.entries()) {
      const { source, samples } = part[i]
      const said = { ...(source && { source }), samples: plain(samples, options.tokenizer) }
      if ('lost' in result) {
        lines.push({ lost: result.lost, ...said })
        continue
      }
      const key = String(from + i).padStart(8, '0')
      const member = `${key}${result.extension}`
      const start = await put(member, result.bytes)
      // For readers of such archives that know nothing of the index.
      await put(`${key}.json`, Buffer.from(JSON.stringify({ text: samples[0].sample.text, samples: said.samples })))
      lines.push({ member, offset: start, size: result.bytes.length, ...said })
    }
  }
  await handle.writeFile(tarEnd())
  return lines
}

/** Writes a shard, then its index, each under its name only when it is whole. @throws UniDiagError FILE_UNWRITABLE */
export async function writeShard(out: string, { split, name, images }: PlannedShard, options: ShardOptions): Promise<WrittenShard> {
  const file = `${name}.tar`
  let lines: IndexLine[] = []
  await atomicWrite(join(out, file), async (handle) => {
    lines = await writeMembers(handle, images, options)
  })
  const { size: bytes } = await stat(join(out, file))
  await atomicWrite(join(out, `${name}.jsonl`), (handle) => handle.writeFile(lines.map((line) => `${JSON.stringify(line)}\n`).join('')))
  return { entry: entryOf(split, file, bytes, lines), lines }
}

/** A shard that an earlier run finished: its index is written last. */
export async function finishedShard(out: string, { split, name, images }: PlannedShard): Promise<WrittenShard | undefined> {
  const file = `${name}.tar`
  const found = await stat(join(out, file)).catch(() => undefined)
  const index = await stat(join(out, `${name}.jsonl`)).catch(() => undefined)
  if (!found || !index) return undefined
  const lines: IndexLine[] = []
  try {
    for await (const { text } of readLines(join(out, `${name}.jsonl`), [])) if (text !== '') lines.push(indexLine.parse(JSON.parse(text)))
  } catch {
    return undefined
  }
  const end = Math.max(0, ...lines.map(({ offset = 0, size = 0 }) => offset + size))
  return lines.length === images.length && end < found.size ? { entry: entryOf(split, file, found.size, lines), lines } : undefined
}

const entryOf = (split: string, file: string, bytes: number, lines: readonly IndexLine[]): ShardEntry => {
  const lost = lines.filter((line) => line.lost !== undefined).length
  return { split, file, bytes, images: lines.length - lost, lost }
}
