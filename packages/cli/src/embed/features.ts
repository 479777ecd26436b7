import {
  concat,
  div,
  expandDims,
  mean,
  mul,
  slice,
  squeeze,
  sum,
  type Tensor,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
  tensor,
  tidy,
} from '@tensorflow/tfjs-core'
import type { Sample } from '@unidiag/core/contracts/dataset'
import type { Pooling } from '@unidiag/core/contracts/encoders'
import { batchKeys } from '@unidiag/core/data/batch-keys'
import type { HostArray } from '@unidiag/core/data/host-array'
import type { BatchLoader } from '@unidiag/core/data/loader'
import type { VisionLanguageModel } from '@unidiag/core/model'
import { inference } from '@unidiag/core/nn/forward'
import { prefetch } from '@unidiag/core/pump'
import type { Matrix } from './matrix.js'

export const featureNames = ['image', 'text', 'fused'] as const
export type FeatureName = (typeof featureNames)[number]

/** What a model makes of samples. */
export interface Features extends Readonly<Record<FeatureName, Matrix>> {
  /** One a row; samples that could not be loaded are not there. */
  readonly samples: readonly Sample[]
}

export interface FeatureOptions {
  readonly model: VisionLanguageModel
  readonly loader: BatchLoader
  readonly pooling: Pooling
  readonly onLost: (lost: { readonly id: string; readonly reason: string }) => void
  readonly onBatch: (done: number) => void
}

/**
 * Encodes samples in order. `image` and `text` are the tokens of their encoders, pooled before the fusion; `fused` is `[text, image]` behind the poolers, what
 * the heads read.
 */
export async function collectFeatures({ model, loader, pooling, onLost, onBatch }: FeatureOptions): Promise<Features> {
  const samples: Sample[] = []
  const parts: Record<FeatureName, Float32Array[]> = { image: [], text: [], fused: [] }
  for await (const batch of prefetch(loader.batches({ epochs: 1 }), 1)) {
    for (const lost of batch.lost) onLost(lost)
    if (batch.samples.length === 0) continue
    const made = tidy(() => encode(model, batch.arrays, pooling))
    for (const name of featureNames) {
      parts[name].push(Float32Array.from((await made[name].data()) as Float32Array))
      made[name].dispose()
    }
    samples.push(...batch.samples)
    onBatch(samples.length)
  }
  const joined = (name: FeatureName): Matrix => {
    const data = new Float32Array(parts[name].reduce((size, part) => size + part.length, 0))
    let at = 0
    for (const part of parts[name]) {
      data.set(part, at)
      at += part.length
    }
    return { width: samples.length === 0 ? 0 : data.length / samples.length, data }
  }
  return { samples, image: joined('image'), text: joined('text'), fused: joined('fused') }
}

function encode(model: VisionLanguageModel, arrays: Readonly<Record<string, HostArray>>, pooling: Pooling): Record<FeatureName, Tensor2D> {
  const forward = inference()
  const mask = toTensor<Tensor2D>(arrays[batchKeys.textMask], 'float32')
  const text = model.text.encode(toTensor<Tensor2D>(arrays[batchKeys.textIds], 'int32'), mask, forward)
  const image = model.image.encode(toTensor<Tensor4D>(arrays[batchKeys.image], 'float32'), forward)
  const pooled = model.fusion.pool(model.fusion.fuse(text, image, mask, forward), mask, pooling, forward)
  return { image: pool(image, pooling), text: pool(text, pooling, mask), fused: concat([pooled.text, pooled.image], 1) }
}

/** @param mask which tokens are no padding; all when left out */
function pool(tokens: Tensor3D, pooling: Pooling, mask?: Tensor2D): Tensor2D {
  if (pooling === 'first') return squeeze(slice(tokens, [0, 0, 0], [-1, 1, -1]), [1])
  if (pooling === 'mean' || !mask) return mean(tokens, 1)
  return div(sum(mul(tokens, expandDims(mask, 2)), 1), sum(mask, 1, true))
}

const toTensor = <T extends Tensor>({ data, shape }: HostArray, type: 'int32' | 'float32'): T => tensor(data, shape as number[], type) as Tensor as T
