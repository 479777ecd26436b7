import { keep, type Scalar, type Tensor, tensor, zerosLike } from '@tensorflow/tfjs-core'
import type { Gradients } from '../contracts/gradient-transform.js'
import { UniDiagError } from '../errors.js'
import { toFile, toMemory } from '../nn/layout.js'
import type { FileTensor, Parameter } from '../nn/parameter.js'
import { adamwUpdateAll } from '../ops/adamw.js'
import type { ParameterGroup } from './groups.js'

/** What a resume needs: moments as `exp_avg.<name>` and `exp_avg_sq.<name>` in file layout, and the number of updates of each parameter. */
export interface AdamWState {
  readonly steps: Readonly<Record<string, number>>
  readonly tensors: ReadonlyMap<string, FileTensor>
}

interface Moments {
  step: number
  m: Tensor
  v: Tensor
}

/**
 * AdamW as the reference uses it: eps is added to sqrt(v) before the bias correction, and the decay is taken off after the update,
 * with the scheduled learning rate. Parameters without a gradient are untouched, also by the decay.
 */
export class AdamW {
  readonly #groups: readonly ParameterGroup[]
  readonly #betas: readonly [number, number]
  readonly #eps: number
  readonly #moments = new Map<string, Moments>()

  constructor(groups: readonly ParameterGroup[], o: { betas: readonly [number, number]; eps: number }) {
    this.#groups = groups
    this.#betas = o.betas
    this.#eps = o.eps
  }

  /**
   * @param factor of the schedule, in [0, 1]
   * @param skip where this is 1, no parameter and no moment changes; the updates are counted nevertheless
   */
  step(gradients: Gradients, factor: number, skip?: Scalar): void {
    const [beta1, beta2] = this.#betas
    for (const group of this.#groups) {
      const learningRate = group.learningRate * factor
      // Parameters that have had the same number of updates have the same bias correction, and are updated together.
      const together = new Map<number, { parameter: Parameter; gradient: Tensor; moments: Moments }[]>()
      for (const parameter of group.parameters) {
        const gradient = gradients.get(parameter.name)
        if (!gradient || !parameter.trainable) continue
        const moments = this.#of(parameter)
        moments.step++
        const others = together.get(moments.step)
        if (others) others.push({ parameter, gradient, moments })
        else together.set(moments.step, [{ parameter, gradient, moments }])
      }
      for (const [step, updated] of together) {
        const rate = (learningRate * Math.sqrt(1 - beta2 ** step)) / (1 - beta1 ** step)
        const next = adamwUpdateAll(
          updated.map(({ parameter, gradient, moments }) => ({ parameter: parameter.value, gradient, m: moments.m, v: moments.v })),
          { rate, beta1, beta2, eps: this.#eps, decay: learningRate * group.weightDecay },
          skip,
        )
        for (const [i, { parameter, moments }] of updated.entries()) {
          parameter.assign(next[i].parameter)
          moments.m.dispose()
          moments.v.dispose()
          moments.m = keep(next[i].m)
          moments.v = keep(next[i].v)
        }
      }
    }
  }

  state(): AdamWState {
    const steps: Record<string, number> = {}
    const tensors = new Map<string, FileTensor>()
    for (const parameter of this.#parameters()) {
      const moments = this.#moments.get(parameter.name)
      if (!moments) continue
      steps[parameter.name] = moments.step
      tensors.set(`exp_avg.${parameter.name}`, toFile(parameter.layout, parameter.shape, moments.m.dataSync() as Float32Array))
      tensors.set(`exp_avg_sq.${parameter.name}`, toFile(parameter.layout, parameter.shape, moments.v.dataSync() as Float32Array))
    }
    return { steps, tensors }
  }

  /** @throws UniDiagError CHECKPOINT_MISMATCH when moments are missing or of another size */
  restore({ steps, tensors }: AdamWState): void {
    this.dispose()
    for (const parameter of this.#parameters()) {
      const step = steps[parameter.name]
      if (step === undefined) continue
      const [m, v] = ['exp_avg', 'exp_avg_sq'].map((kind) => {
        const stored = tensors.get(`${kind}.${parameter.name}`)
        if (stored?.data.length !== parameter.value.size)
          throw new UniDiagError('CHECKPOINT_MISMATCH', `the optimiser state ${kind}.${parameter.name} is missing or of another size`)
        return keep(tensor(toMemory(parameter.layout, parameter.shape, stored.data), parameter.shape as number[], 'float32'))
      })
      this.#moments.set(parameter.name, { step, m, v })
    }
  }

  dispose(): void {
    for (const { m, v } of this.#moments.values()) {
      m.dispose()
      v.dispose()
    }
    this.#moments.clear()
  }

  #of(parameter: Parameter): Moments {
    let found = this.#moments.get(parameter.name)
    if (!found) {
      found = { step: 0, m: keep(zerosLike(parameter.value)), v: keep(zerosLike(parameter.value)) }
      this.#moments.set(parameter.name, found)
    }
    return found
  }

  #parameters(): Parameter[] {
    return this.#groups.flatMap((group) => group.parameters)
  }
}
