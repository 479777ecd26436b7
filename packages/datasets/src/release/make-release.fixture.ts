import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import sharp from 'sharp'
import { temporaryFolder } from './broken-copy.fixture.js'

/** Bytes of a small JPEG; different numbers give different pixels. */
export function jpeg(number: number): Promise<Buffer> {
  const pixels = Uint8Array.from({ length: 24 * 16 * 3 }, (_, i) => (Math.imul(i + 1, 2654435761 + number * 7919) >>> 24) & 255)
  return sharp(pixels, { raw: { width: 24, height: 16, channels: 3 } })
    .jpeg()
    .toBuffer()
}

/** A folder of the given files for the running test: text, bytes, or the number of a JPEG. */
export async function makeRelease(files: Readonly<Record<string, string | Uint8Array | number>>): Promise<string> {
  const dir = await temporaryFolder()
  for (const [name, content] of Object.entries(files)) {
    const file = join(dir, name)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, typeof content === 'number' ? await jpeg(content) : content)
  }
  return dir
}
