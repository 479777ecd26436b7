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
import { randomImages, randomPairs, randomTokens } from './random-data.js'
import { type BenchSize, benchSizes } from './sizes.js'

/** What a step sees: the preset's batch, always the same pairs, where left out. */
export interface StepData {
  readonly batch?: number
  /** Pairs of the data set. */
  readonly samples?: number
}

/** MR-Pretrain with the released code's losses, as ../shared/bench times them in PyTorch, on random pairs. Dropout is off. */
export function stepPlugins(size: BenchSize, steps: number, { batch = benchSizes[size].batch, samples = batch }: StepData = {}): AnyPlugin[] {
  const { imageSize, vision, text, fusion, decoder } = benchSizes[size]
  return [
    // The same pairs in every step unless more are asked for: drawing images would be timed too.
    randomPairs({ count: samples }),
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
