import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Random } from '@unidiag/core/random'
import sharp from 'sharp'

/** Images of each split; one question an image. */
const splits = { train: 12, val: 4, test: 6 } as const
const plants = ['mimosa', 'juniper', 'tamarind', 'oleander']

/** Question `n` of the release: words that nothing else in a log would say. */
const question = (n: number): string => `is there a ${plants[n % 4]} beside the ${plants[(n >> 2) % 4]} ${n} ?`

/** Writes a folder in the layout of VQA-RAD, with a file of validation questions beside the others. */
export async function writeRelease(dir: string): Promise<string> {
  const [files, images] = [join(dir, 'data_RAD'), join(dir, 'images')]
  await Promise.all([files, images].map((folder) => mkdir(folder, { recursive: true })))
  let n = 0
  for (const [split, count] of Object.entries(splits)) {
    const rows = []
    for (let i = 0; i < count; i++, n++) {
      const data = new Random(1)
        .rng('image', n)
        .uniforms(24 * 20)
        .map((x) => 256 * x)
      await sharp(Uint8Array.from(data), { raw: { width: 24, height: 20, channels: 1 } })
        .jpeg({ quality: 95 })
        .toFile(join(images, `${split}-${i}.jpg`))
      const closed = n % 2 === 0
      const answer = closed ? ['yes', 'no'][(n >> 1) % 2] : plants[n % 4]
      rows.push({ qid: n, image_name: `${split}-${i}.jpg`, question: question(n), answer, answer_type: closed ? 'CLOSED' : 'OPEN', phrase_type: 'freeform' })
    }
    await writeFile(join(files, `${split}set.json`), JSON.stringify(rows, null, 1))
  }
  return dir
}

/** Cuts the second half off an image. */
export async function cutImage(dir: string, name: string): Promise<string> {
  const file = join(dir, 'images', name)
  await truncate(file, (await readFile(file)).length >> 1)
  return file
}

/** Every question of the release. */
export const questions: readonly string[] = Array.from({ length: splits.train + splits.val + splits.test }, (_, n) => question(n))
