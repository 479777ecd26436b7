import type { Sample } from '@unidiag/core/contracts/dataset'
import type { HostBatch } from '@unidiag/core/data/batch-draft'
import { batchKeys } from '@unidiag/core/data/batch-keys'
import type { HostArray } from '@unidiag/core/data/host-array'
import { itmKeys } from '@unidiag/pretrain/itm'
import { hidePatches, keptPatches } from '@unidiag/pretrain/random-patch'
import { maskedPositions } from '@unidiag/pretrain/text-mask'
import { type Fixture, type FixtureTensor, input } from './fixture.js'

/** The fixture's batch, as maskers and objectives would have prepared it. */
export function pretrainBatch(fixture: Fixture): HostBatch {
  const io = (name: string): FixtureTensor => input(fixture, 'io', `in.${name}`)
  const labels = integers(io('text_labels_mlm'))
  const noise = io('mim_noise')
  const [batch, patches] = noise.shape
  const rows = Array.from({ length: batch }, (_, i) => noise.data.subarray(i * patches, (i + 1) * patches))
  return {
    index: 0,
    epoch: 0,
    lost: [],
    samples: samples(batch),
    arrays: {
      [batchKeys.image]: channelsLast(io('image')),
      [batchKeys.textIds]: integers(io('text_ids')),
      [batchKeys.textMask]: floats(io('text_masks')),
      [batchKeys.maskedTextIds]: integers(io('text_ids_mlm')),
      [batchKeys.maskedTextLabels]: labels,
      [batchKeys.maskedTextPositions]: maskedPositions(labels.data),
      ...hidePatches(rows, keptPatches(patches, fixture.pretrain.settings.mim_prob)),
      [itmKeys.image]: channelsLast(io('itm_image')),
      [itmKeys.labels]: integers(io('itm_labels')),
    },
  }
}

const samples = (count: number): Sample[] =>
  Array.from({ length: count }, (_, i) => ({ id: `pair ${i}`, imageId: `image ${i}`, image: { file: '' }, text: '' }))

export const integers = ({ data, shape }: FixtureTensor): HostArray & { data: Int32Array } => ({ data: Int32Array.from(data), shape })
export const floats = ({ data, shape }: FixtureTensor): HostArray => ({ data: Float32Array.from(data), shape })

/** `[B, C, H, W]` to `[B, H, W, C]`. */
function channelsLast({ data, shape: [batch, channels, height, width] }: FixtureTensor): HostArray {
  const out = new Float32Array(data.length)
  const plane = height * width
  for (let b = 0; b < batch; b++)
    for (let c = 0; c < channels; c++) for (let i = 0; i < plane; i++) out[(b * plane + i) * channels + c] = data[(b * channels + c) * plane + i]
  return { data: out, shape: [batch, height, width, channels] }
}
