import { Backend } from '@unidiag/core/backend/backend'
import { compose } from '@unidiag/core/compose'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import type { AnyPlugin } from '@unidiag/core/plugin'
import { clipVit } from '@unidiag/encoders/clip-vit'
import { coAttention } from '@unidiag/encoders/co-attention'
import { roberta } from '@unidiag/encoders/roberta'
import { emaTeacher } from '@unidiag/pretrain/ema-teacher'
import { feaMim } from '@unidiag/pretrain/fea-mim'
import { feaMlm } from '@unidiag/pretrain/fea-mlm'
import { itm } from '@unidiag/pretrain/itm'
import { mim } from '@unidiag/pretrain/mim'
import { mimDecoder } from '@unidiag/pretrain/mim-decoder'
import { mlm } from '@unidiag/pretrain/mlm'
import { mrPretrain } from '@unidiag/pretrain/mr-pretrain'
import { randomPatch } from '@unidiag/pretrain/random-patch'
import { textMask } from '@unidiag/pretrain/text-mask'
import { followRun } from '../follow-run.js'
import { withBackend } from '../with-plugin.js'
import { randomImages, randomPairs, randomTokens } from './random-data.js'
import { type BenchSize, benchSizes } from './sizes.js'

export interface BenchResult {
  readonly size: BenchSize
  readonly backend: string
  readonly batch: number
  readonly parameters: number
  readonly steps: number
  readonly warmup: number
  /** Wall time from one step's event to the next: loading, passes, backward, update, teacher. */
  readonly medianSeconds: number
  readonly minSeconds: number
  readonly maxSeconds: number
  readonly samplesPerSecond: number
}

/** Trains for `warmup + steps` steps on random data and times the last `steps` of them. Dropout is off. */
export async function benchStep({
  size,
  steps,
  warmup,
  backend,
}: {
  size: BenchSize
  steps: number
  warmup: number
  backend?: string | undefined
}): Promise<BenchResult> {
  const { batch } = benchSizes[size]
  const pipeline = await compose({ plugins: withBackend(plugins(size, warmup + steps), backend), seed: 0 })
  try {
    const at: number[] = []
    await followRun(pipeline, {
      next: ({ type }) => {
        if (type === 'step') at.push(performance.now())
      },
    })
    // The first step has no event before it, and belongs to the warm-up.
    const seconds = at
      .slice(1)
      .map((time, i) => (time - at[i]) / 1000)
      .slice(warmup - 1)
      .sort((a, b) => a - b)
    const medianSeconds = (seconds[(seconds.length - 1) >> 1] + seconds[seconds.length >> 1]) / 2
    return {
      size,
      backend: pipeline.get(Backend).name,
      batch,
      parameters: pipeline
        .get(ParameterStore)
        .all()
        .reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
      steps: seconds.length,
      warmup,
      medianSeconds,
      minSeconds: seconds[0],
      maxSeconds: seconds[seconds.length - 1],
      samplesPerSecond: batch / medianSeconds,
    }
  } finally {
    await pipeline.close()
  }
}

/** The released code's losses, as ../shared/bench times them in PyTorch. */
function plugins(size: BenchSize, steps: number): AnyPlugin[] {
  const { batch, imageSize, vision, text, fusion, decoder } = benchSizes[size]
  return [
    randomPairs({ count: batch * Math.min(steps, 4) }),
    randomTokens({ vocabSize: text.vocabSize, length: text.maxLength }),
    randomImages({ size: imageSize }),
    clipVit({ imageSize, ...vision }),
    roberta({ ...text, maxPositions: text.maxLength + 2, dropout: 0 }),
    coAttention({ ...fusion, dropout: 0 }),
    randomPatch(),
    textMask(),
    mimDecoder(decoder),
    mim(),
    mlm(),
    feaMim({ mode: 'code' }),
    feaMlm({ feaDim: fusion.width, positions: 'all' }),
    itm(),
    emaTeacher({ scope: 'all' }),
    mrPretrain({ batchSize: batch, steps, epochs: steps }),
  ]
}
