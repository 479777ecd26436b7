import { addN, mul, type Scalar } from '@tensorflow/tfjs-core'
import type { Objective } from '../contracts/objective.js'
import { UniDiagError } from '../errors.js'
import type { Step, StepLoss } from '../step.js'

export interface Weighting {
  /** Names of the objectives that are summed. */
  readonly objectives: readonly string[]
  /** alpha of Eq. 7. */
  readonly alpha: number
  /** Weights by name, in place of those of the equation. */
  readonly weights: Readonly<Record<string, number>>
}

export interface WeightedObjective {
  readonly objective: Objective
  readonly weight: number
}

/** Eq. 7: L = (1 - alpha) (MIM + MLM) + alpha (FeaMIM + FeaMLM) + ITM. Objectives that the equation does not know weigh 1. */
export function weightedObjectives(stage: string, available: readonly Objective[], { objectives, alpha, weights }: Weighting): WeightedObjective[] {
  const equation: Record<string, number> = { mim: 1 - alpha, mlm: 1 - alpha, feaMim: alpha, feaMlm: alpha, itm: 1 }
  const stray = Object.keys(weights).filter((name) => !objectives.includes(name))
  if (stray.length > 0)
    throw new UniDiagError('OPTION_INVALID', `${stage}.weights names ${stray.join(', ')}, which ${stage}.objectives does not`, {
      fix: `The objectives of the stage are: ${objectives.join(', ')}.`,
    })
  return objectives.map((name) => {
    const objective = available.find((candidate) => candidate.name === name)
    if (objective) return { objective, weight: weights[name] ?? equation[name] ?? 1 }
    throw new UniDiagError('PLUGIN_MISSING', `${stage} needs the objective "${name}"; the pipeline has: ${available.map((o) => o.name).join(', ') || 'none'}`, {
      fix: `Add the plugin that provides it, or leave it out of ${stage}.objectives.`,
    })
  })
}

/** The weighted sum of the objectives' losses. */
export function weightedLoss(terms: readonly WeightedObjective[], step: Step): StepLoss {
  const parts = Object.fromEntries(terms.map(({ objective }) => [objective.name, objective.loss(step)]))
  return { total: addN(terms.map(({ objective, weight }) => mul(parts[objective.name], weight))) as Scalar, parts }
}

/** The terms in groups that share no pass with each other: first those that are computed together, then each of the others. */
export function separable(terms: readonly WeightedObjective[]): readonly [readonly WeightedObjective[], ...(readonly WeightedObjective[])[]] {
  const apart = terms.filter(({ objective }) => objective.apart).map((term) => [term])
  const together = terms.filter(({ objective }) => !objective.apart)
  return together.length > 0 ? [together, ...apart] : [apart[0], ...apart.slice(1)]
}
