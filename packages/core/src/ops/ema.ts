import { add, clone, mul, type Scalar, type Tensor, tidy } from '@tensorflow/tfjs-core'
import { native } from './fused.js'

/** One step of an exponential moving average: decay * average + (1 - decay) * value, as a new tensor. */
export const ema = (average: Tensor, value: Tensor, decay: number): Tensor =>
  native('UniDiagEma', { average, value }, { decay })?.[0] ?? tidy(() => add(mul(average, decay), mul(value, 1 - decay)))

/**
 * The same for many averages. The old ones are given away: the caller disposes of them at once and reads none of them again.
 * @param skip where this is 1, the new averages are the old ones
 */
export function emaAll(averages: readonly Tensor[], values: readonly Tensor[], decay: number, skip?: Scalar): Tensor[] {
  const found = native('UniDiagEmaAll', { average: averages, value: values, skip }, { decay })
  return found ?? averages.map(skip?.dataSync()[0] ? (average) => clone(average) : (average, i) => ema(average, values[i], decay))
}
