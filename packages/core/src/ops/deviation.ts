import { div, mean, sqrt, square, sub, sum, type Tensor } from '@tensorflow/tfjs-core'
import { native } from './fused.js'

/** Unbiased standard deviation of all elements, a scalar; NaN for a single element. */
export const deviation = (x: Tensor): Tensor => native('UniDiagDeviation', { x })?.[0] ?? sqrt(div(sum(square(sub(x, mean(x)))), x.size - 1))
