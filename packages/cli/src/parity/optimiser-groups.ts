import type { Parameter } from '@unidiag/core/nn/parameter'
import { parameterGroups } from '@unidiag/core/optim/groups'
import type { OptimizerOptions } from '@unidiag/core/optim/options'
import type { Comparison } from './comparison.js'

interface StoredGroup {
  readonly weight_decay: number
  readonly initial_lr: number
  readonly names: readonly string[]
}

/** Sorts the names of each stored group by our rules: all must get that group's learning rate and decay. The rules know names only. */
export function compareGroups(comparison: Comparison, stored: readonly StoredGroup[], options: OptimizerOptions): void {
  for (const [i, { names, weight_decay, initial_lr }] of stored.entries()) {
    for (const { parameters, learningRate, weightDecay } of parameterGroups(
      names.map((name) => ({ name }) as Parameter),
      options,
    )) {
      comparison.number(`group ${i}: rate of ${parameters[0].name}`, learningRate, initial_lr)
      comparison.number(`group ${i}: decay of ${parameters[0].name}`, weightDecay, weight_decay)
    }
  }
}
