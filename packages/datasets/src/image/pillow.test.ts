import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeShared } from '@unidiag/testing/shared'
import { expect, it, onTestFinished } from 'vitest'
import { SquareImages } from './square-images.js'

// pillow.reference.py makes the pictures.
const { size, pictures } = JSON.parse(readFileSync(new URL('./pillow.reference.json', import.meta.url), 'utf8')) as {
  size: number
  pictures: Record<string, string>
}

describeShared('pictures of data sets against Pillow', (shared) => {
  it.each(Object.entries(pictures))('%s: decoded, resized and cut within two grey levels', async (file, expected) => {
    const plain = { mean: [0, 0, 0], std: [1, 1, 1], augment: 'none', cacheBytes: 0, view: { plane: 'axial' }, threads: 1 } as const
    const loader = new SquareImages({ size, ...plain })
    onTestFinished(() => loader.close())
    const ours = await loader.load({ file: join(shared, 'data', file) })
    const reference = Buffer.from(expected, 'base64')
    expect(ours).toHaveLength(reference.length)
    expect(Math.max(...ours.map((value, i) => Math.abs(value * 255 - reference[i])))).toBeLessThan(2)
  })
})
