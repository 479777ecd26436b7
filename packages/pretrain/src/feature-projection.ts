import { Linear } from '@unidiag/core/nn/linear'
import { type Parameters, uniform } from '@unidiag/core/nn/parameter'

/** A projection h into the latent space where features are compared. Weight and bias start as U(-1/sqrt(d), 1/sqrt(d)) (reference: m3ae_utils.py). */
export function featureProjection(parameters: Parameters, name: string, inWidth: number, outWidth: number): Linear {
  const init = uniform(1 / Math.sqrt(inWidth))
  return new Linear(parameters, name, inWidth, outWidth, { init, biasInit: init })
}
