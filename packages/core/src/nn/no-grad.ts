import { engine, type TensorContainer, tidy } from '@tensorflow/tfjs-core'

/**
 * Runs `f` without recording it for gradients (tfjs records every operator below `gradientDepth > 0`);
 * intermediates are disposed, the returned tensors live in the surrounding scope.
 */
export function noGrad<T extends TensorContainer>(f: () => T): T {
  const { state } = engine() as unknown as { state: { gradientDepth: number } }
  const depth = state.gradientDepth
  state.gradientDepth = 0
  try {
    return tidy(f)
  } finally {
    state.gradientDepth = depth
  }
}
