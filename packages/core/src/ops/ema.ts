import { add, mul, type Tensor, tidy } from '@tensorflow/tfjs-core'
import { native } from './fused.js'

/** One step of an exponential moving average: decay * average + (1 - decay) * value, as a new tensor. */
export const ema = (average: Tensor, value: Tensor, decay: number): Tensor =>
  native('UniDiagEma', { average, value }, { decay })?.[0] ?? tidy(() => add(mul(average, decay), mul(value, 1 - decay)))

/** The same for many averages. The old ones are given away: the caller disposes of them at once and reads none of them again. */
export const emaAll = (averages: readonly Tensor[], values: readonly Tensor[], decay: number): Tensor[] =>
  native('UniDiagEmaAll', { average: averages, value: values }, { decay }) ?? averages.map((average, i) => ema(average, values[i], decay))
