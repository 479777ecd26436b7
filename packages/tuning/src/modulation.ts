import { add, mul, stack, sum, type Tensor } from '@tensorflow/tfjs-core'
import type { Gradients, GradientTransform, TransformContext } from '@unidiag/core/contracts/gradient-transform'
import type { Task } from '@unidiag/core/contracts/task'
import { UniDiagError } from '@unidiag/core/errors'
import { noGrad } from '@unidiag/core/nn/no-grad'
import type { Step } from '@unidiag/core/step'
import { type Contributions, coefficients } from './coefficients.js'
import { gradientNoise } from './gradient-noise.js'

export type Side = keyof Contributions

/** What a method of gradient modulation chooses. */
export interface ModulationRule {
  readonly name: string
  readonly stages: readonly string[]
  /** beta of Eq. 12, alpha of OGM-GE. */
  readonly strength: number
  readonly contribution: Parameters<Task['unimodal']>[1]
  /** Contributions of all micro-batches of a step, or of the last one. */
  readonly window: 'sum' | 'last'
  readonly noise: 'both' | 'modulatedOnly' | 'off'
  /** Rows of embedding tables that get noise. */
  readonly noiseRows: 'used' | 'all'
  /** Whether the image is damped when both sides contribute the same. */
  readonly imageOnTie: boolean
  /** The side that a parameter belongs to, if any. */
  side(name: string, gradient: Tensor): Side | undefined
  /** Whether gradients are changed at this share of the stage; always when left out. */
  active?(progress: number): boolean
}

/**
 * Damps the gradients of the modality that dominates the answers, and adds noise to them.
 * Coefficients in the step's event: `rhoText`, `kText`, `kImage`, `contributionText`, `contributionImage`.
 */
export class Modulation implements GradientTransform {
  readonly name: string
  readonly stages: readonly string[]
  readonly #task: Task
  readonly #rule: ModulationRule
  #window: Contributions[] = []

  constructor(task: Task, rule: ModulationRule) {
    this.name = rule.name
    this.stages = rule.stages
    this.#task = task
    this.#rule = rule
  }

  observe(step: Step): void {
    const pooled = step.lastPooled
    if (!pooled)
      throw new UniDiagError('PLUGIN_MISSING', `${this.name} sees no pooled features: the stage has no supervised loss that reaches the encoders`, {
        fix: `Name only stages that train encoders for a task in ${this.name}.stages.`,
      })
    const [text, image] = noGrad(() => {
      const logits = this.#task.unimodal(pooled, this.#rule.contribution)
      return stack([sum(this.#task.groundTruth(logits.text, step)), sum(this.#task.groundTruth(logits.image, step))])
    }).dataSync()
    if (this.#rule.window === 'last') this.#window = []
    this.#window.push({ text, image })
  }

  apply(gradients: Gradients, { rng, progress }: TransformContext): Record<string, number> {
    const { strength, imageOnTie, noiseRows } = this.#rule
    const total = (side: Side): number => this.#window.reduce((sum, contributions) => sum + contributions[side], 0)
    const contributions = { text: total('text'), image: total('image') }
    this.#window = []
    const numbers = { contributionText: contributions.text, contributionImage: contributions.image }
    const found = coefficients(contributions, strength, imageOnTie)
    if (this.#rule.active?.(progress) === false) return { ...found, kText: 1, kImage: 1, ...numbers }
    for (const [name, gradient] of gradients) {
      const side = this.#rule.side(name, gradient)
      if (!side) continue
      const k = side === 'text' ? found.kText : found.kImage
      const modulated = k === 1 ? gradient : mul(gradient, k)
      const rows = noiseRows === 'used' && name.endsWith('_embeddings.weight')
      gradients.set(name, this.#isNoisy(k) ? add(modulated, gradientNoise(gradient, rng(`${this.name}/${name}`), rows)) : modulated)
    }
    return { ...found, ...numbers }
  }

  #isNoisy(k: number): boolean {
    return this.#rule.noise === 'both' || (this.#rule.noise === 'modulatedOnly' && k !== 1)
  }
}

/** A parameter belongs to a side when its name contains the side's word and not the exception. */
export function sideOf(name: string, { text, image, except }: { readonly text: string; readonly image: string; readonly except: string }): Side | undefined {
  if (name.includes(except)) return undefined
  return name.includes(text) ? 'text' : name.includes(image) ? 'image' : undefined
}
