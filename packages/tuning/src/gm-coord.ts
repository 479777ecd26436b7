import { add, mul, stack, sum } from '@tensorflow/tfjs-core'
import { type Gradients, GradientTransform } from '@unidiag/core/contracts/gradient-transform'
import { Task } from '@unidiag/core/contracts/task'
import { UniDiagError } from '@unidiag/core/errors'
import { noGrad } from '@unidiag/core/nn/no-grad'
import { definePlugin } from '@unidiag/core/plugin'
import type { Rng } from '@unidiag/core/random'
import type { Step } from '@unidiag/core/step'
import { z } from 'zod'
import { type Coefficients, type Contributions, coefficients } from './coefficients.js'
import { gradientNoise } from './gradient-noise.js'

const options = z.strictObject({
  /** Stages whose gradients it changes. */
  stages: z.array(z.string()).default(['fine-tune']),
  /** beta of Eq. 12. */
  beta: z.number().positive().default(0.1),
  /** Logits of one modality (Eq. 10): the whole head with the other half zeroed, or the released code's reading of its last layer. */
  contribution: z.enum(['exact-split', 'code']).default('exact-split'),
  /** Contributions of all micro-batches of a step, or of the last one as in the released code. */
  window: z.enum(['sum', 'last']).default('sum'),
  /** Noise of Eq. 13: on both modalities (as in the released code), on the damped one only, or none. */
  noise: z.enum(['both', 'modulatedOnly', 'off']).default('both'),
  /** Rows of embedding tables that get noise: those with a gradient, or `all` as in the released code. */
  noiseRows: z.enum(['used', 'all']).default('used'),
  /** A parameter belongs to a side when its name contains the side's word and not the exception. */
  scope: z
    .strictObject({ text: z.string().min(1).default('language'), image: z.string().min(1).default('vision'), except: z.string().min(1).default('pooler') })
    .prefault({}),
})

type Options = z.output<typeof options>
type Side = 'text' | 'image'

/**
 * GM-Coord (P 3.4, Eq. 10-13): damps the gradients of the modality that dominates the answers, and adds noise to them.
 * Coefficients in the step's event: `rhoText`, `kText`, `kImage`, `contributionText`, `contributionImage`.
 */
export const gmCoord = definePlugin({
  name: '@unidiag/tuning/gm-coord',
  provides: GradientTransform,
  needs: { task: Task },
  options,
  setup: ({ needs: { task }, options }): GradientTransform => new GmCoord(task, options),
})

class GmCoord implements GradientTransform {
  readonly name = 'gm-coord'
  readonly stages: readonly string[]
  readonly #task: Task
  readonly #options: Options
  #window: Contributions[] = []

  constructor(task: Task, chosen: Options) {
    this.stages = chosen.stages
    this.#task = task
    this.#options = chosen
  }

  observe(step: Step): void {
    const pooled = step.lastPooled
    if (!pooled)
      throw new UniDiagError('PLUGIN_MISSING', 'gm-coord sees no pooled features: the stage has no supervised loss', {
        fix: 'Name only stages that train a task in gm-coord.stages.',
      })
    const [text, image] = noGrad(() => {
      const logits = this.#task.unimodal(pooled, this.#options.contribution)
      return stack([sum(this.#task.groundTruth(logits.text, step)), sum(this.#task.groundTruth(logits.image, step))])
    }).dataSync()
    if (this.#options.window === 'last') this.#window = []
    this.#window.push({ text, image })
  }

  apply(gradients: Gradients, { rng }: { readonly rng: (stream: string) => Rng }): Record<string, number> {
    const total = (side: Side): number => this.#window.reduce((sum, contributions) => sum + contributions[side], 0)
    const contributions = { text: total('text'), image: total('image') }
    this.#window = []
    const found = coefficients(contributions, this.#options.beta, this.#options.contribution === 'code')
    for (const [name, gradient] of gradients) {
      const side = sideOf(name, this.#options.scope)
      if (!side) continue
      const k = factor(found, side)
      const modulated = k === 1 ? gradient : mul(gradient, k)
      const rows = this.#options.noiseRows === 'used' && name.endsWith('_embeddings.weight')
      gradients.set(name, this.#isNoisy(k) ? add(modulated, gradientNoise(gradient, rng(`gm-coord/${name}`), rows)) : modulated)
    }
    return { ...found, contributionText: contributions.text, contributionImage: contributions.image }
  }

  #isNoisy(k: number): boolean {
    return this.#options.noise === 'both' || (this.#options.noise === 'modulatedOnly' && k !== 1)
  }
}

const factor = ({ kText, kImage }: Coefficients, side: Side): number => (side === 'text' ? kText : kImage)

function sideOf(name: string, { text, image, except }: Options['scope']): Side | undefined {
  if (name.includes(except)) return undefined
  return name.includes(text) ? 'text' : name.includes(image) ? 'image' : undefined
}
