import { compose } from '@unidiag/core/compose'
import { ImageLoader } from '@unidiag/core/contracts/image-loader'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import { images } from '@unidiag/datasets/images'
import { clipVit } from '@unidiag/encoders/clip-vit'
import { Comparison } from './comparison.js'
import type { Fixture, FixtureTensor, FixtureTensors } from './fixture.js'
import { type ParityGroup, tolerances } from './report.js'

const positions = 'vision_encoder.visual.positional_embedding'

/** Position tables brought to another grid as torch does it, and pictures prepared as Pillow and torchvision do. */
export async function checkImages({ hub }: Fixture): Promise<ParityGroup[]> {
  return hub ? [await tables(hub.io), await transforms(hub.io)] : []
}

async function tables(io: FixtureTensors): Promise<ParityGroup> {
  const group = new Comparison('position tables: bicubic, a = -0.75', tolerances.forward)
  for (const [name, sides] of named(io, /^bicubic\.\d+to(\d+)\.in$/)) {
    const table = io.get(`${name}.in`)!
    const pipeline = await compose({ plugins: [clipVit({ imageSize: Number(sides), patchSize: 1, width: table.shape[1], heads: 1, blocks: 1 })] })
    const parameters = pipeline.get(ParameterStore)
    parameters.load(new Map([[positions, { shape: table.shape, data: Float32Array.from(table.data) }]]))
    group.tensor(name, parameters.get(positions).value.dataSync(), io.get(`${name}.out`)!.data)
    await pipeline.close()
  }
  return group.result()
}

/** Grey levels from 0 to 1 after resize and crop: what is stored is normalised, so its normalisation is undone on both sides. */
async function transforms(io: FixtureTensors): Promise<ParityGroup> {
  const group = new Comparison('image transforms: resized and cropped, against Pillow', tolerances.pixels)
  const { mean, std } = images.definition.options.parse({})
  for (const [name] of named(io, /^transform\.\w+\.in$/)) {
    const [picture, expected] = [io.get(`${name}.in`)!, io.get(`${name}.out`)!]
    const size = expected.shape[1]
    const pipeline = await compose({ plugins: [images({ size, threads: 1 })] })
    const ours = await pipeline.get(ImageLoader).load({ pixels: () => rawPicture(picture) })
    const plane = size * size
    group.tensor(
      name,
      ours.map((value, i) => value * std[i % 3] + mean[i % 3]),
      Float32Array.from({ length: 3 * plane }, (_, i) => expected.data[(i % 3) * plane + Math.floor(i / 3)] * std[i % 3] + mean[i % 3]),
    )
    await pipeline.close()
  }
  return group.result()
}

const rawPicture = ({ data, shape: [height, width, channels] }: FixtureTensor) => ({ data: Uint8Array.from(data), width, height, channels: channels as 1 | 3 })

/** What the names of inputs share with those of their outputs, and the first group of the pattern. */
const named = (io: FixtureTensors, pattern: RegExp): [name: string, group: string | undefined][] =>
  [...io.keys()].flatMap((key) => {
    const match = pattern.exec(key)
    return match ? [[key.slice(0, -'.in'.length), match[1]] as [string, string | undefined]] : []
  })
