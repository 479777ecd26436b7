import { type FileHandle, open } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Sample } from '@unidiag/core/contracts/dataset'
import { z } from 'zod'
import { imageExtension } from '../image/image-extensions.js'
import { known, text } from './cells.js'
import type { Fault } from './fault.js'
import { fitRow } from './placed-row.js'
import { type Release, ReleaseBuilder } from './release.js'
import { answers, rowOf, scalar } from './take-cells.js'
import { memberImage, readMember } from './tar-image.js'
import { type TarMember, tarMembers } from './tar-members.js'

export interface ShardKeys {
  /** Key of the text in the `.json` of a sample without a `.txt`. */
  readonly text: string
  readonly answer: string
  readonly fields: readonly string[]
}

/** Texts are kept in memory, so they must not be large. */
const MAX_TEXT = 2 ** 20

const schemaOf = ({ text: caption, answer, fields }: ShardKeys) =>
  rowOf(({ may }) => ({
    text: may(z.string(), caption),
    answers: may(answers, answer),
    fields: known(Object.fromEntries(fields.map((name) => [name, may(scalar, name)]))),
  }))

interface Parts {
  image?: TarMember
  text?: string
  json?: Record<string, unknown>
}

/** Members of one shard by the part of their path before the first dot of the name: the key of WebDataset. */
async function gather(shard: string, faults: Fault[]): Promise<Map<string, Parts>> {
  const samples = new Map<string, Parts>()
  let file: FileHandle | undefined
  try {
    file = await open(shard)
    for await (const member of tarMembers(file)) {
      const dot = member.name.indexOf('.', member.name.lastIndexOf('/') + 1)
      if (dot < 0 || member.name.split('/').at(-1)!.startsWith('.')) continue
      const key = member.name.slice(0, dot)
      const extension = member.name.slice(dot).toLowerCase()
      const parts = samples.get(key) ?? {}
      samples.set(key, parts)
      const malformed = (reason: string): number => faults.push({ code: 'DATA_MALFORMED', file: shard, at: member.name, reason })
      if (imageExtension(extension)) parts.image = member
      else if (extension !== '.txt' && extension !== '.json') continue
      else if (member.size > MAX_TEXT) malformed(`a text of ${member.size} bytes`)
      else {
        try {
          const content = new TextDecoder('utf-8', { fatal: true }).decode(await readMember(file, member))
          if (extension === '.txt') parts.text = content
          else {
            const value: unknown = JSON.parse(content)
            if (typeof value === 'object' && value !== null && !Array.isArray(value)) parts.json = value as Record<string, unknown>
            else malformed('expected a JSON object')
          }
        } catch (error) {
          malformed(error instanceof SyntaxError ? 'not valid JSON' : 'not UTF-8 text')
        }
      }
    }
  } catch (error) {
    faults.push({ code: 'DATA_MALFORMED', file: shard, reason: (error as Error).message })
  } finally {
    await file?.close()
  }
  return samples
}

/** Reads tar shards as WebDataset writes them: the index and the texts, not the images. */
export async function readShards(
  name: string,
  shards: ReadonlyMap<string, readonly string[]>,
  keys: ShardKeys,
  faults: readonly Fault[] = [],
): Promise<Release> {
  const release = new ReleaseBuilder()
  release.faults.push(...faults)
  const schema = schemaOf(keys)
  for (const [split, files] of shards) {
    const samples: Sample[] = []
    for (const shard of files) {
      for (const [key, { image, text: written, json }] of await gather(shard, release.faults)) {
        const id = `${name}/${split}/${basename(shard, '.tar')}/${key}`
        if (!image) release.faults.push({ code: 'DATA_MALFORMED', file: shard, at: key, reason: 'the sample has no image' })
        const row = fitRow(schema, { at: key, cells: json ?? {} }, shard, release.faults)
        if (!image || !row) continue
        samples.push({
          id,
          imageId: id,
          image: memberImage(shard, image),
          text: text.parse(written ?? row.text ?? ''),
          ...(row.answers && { answers: row.answers }),
          fields: row.fields,
        })
      }
    }
    release.add(split, files[0], samples)
  }
  return release.build('shards')
}
