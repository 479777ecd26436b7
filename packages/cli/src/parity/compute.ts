import { type Tensor, tensor } from '@tensorflow/tfjs-core'
import type { Teacher } from '@unidiag/core/contracts/teacher'
import type { HostBatch } from '@unidiag/core/data/batch-draft'
import { computeGradients, readLosses } from '@unidiag/core/nn/compute-gradients'
import { toFile, toMemory } from '@unidiag/core/nn/layout'
import type { Parameters } from '@unidiag/core/nn/parameter'
import { type WeightedObjective, weightedLoss } from '@unidiag/core/stages/weighted-loss'
import { Step, type StepLoss } from '@unidiag/core/step'
import type { FixtureTensors } from './fixture.js'
import { liveWeights, type ParityModel } from './model.js'

/** Losses by name, and gradients by parameter name in file layout. */
export interface Computed {
  readonly losses: Readonly<Record<string, number>>
  readonly gradients: ReadonlyMap<string, Float32Array>
}

/** One forward and backward pass. */
export function compute({ model, parameters }: ParityModel, batch: HostBatch, forward: (step: Step) => StepLoss, teacher?: Teacher): Computed {
  const { losses, gradients } = computeGradients(parameters.trainable(), () =>
    forward(new Step({ model, batch, training: false, ...(teacher && { teacher }) })),
  )
  const read = new Map(Array.from(gradients, ([name, gradient]) => [name, inFileLayout(parameters, name, gradient)]))
  for (const gradient of gradients.values()) gradient.dispose()
  return { losses: readLosses(losses), gradients: read }
}

export const computeObjectives = (model: ParityModel, batch: HostBatch, terms: readonly WeightedObjective[], teacher?: Teacher): Computed =>
  compute(model, batch, (step) => weightedLoss(terms, step), teacher)

/** A parameter-shaped tensor on the host, as files hold it. */
export function inFileLayout(parameters: Parameters, name: string, value: Tensor): Float32Array {
  const { layout, shape } = parameters.get(name)
  return toFile(layout, shape, Float32Array.from(value.dataSync())).data
}

/** Gives a teacher the values of a file. */
export function loadTeacher(teacher: Teacher, { parameters }: ParityModel, stored: FixtureTensors): void {
  const values = Array.from(liveWeights(stored)).filter(([name]) => parameters.has(name))
  teacher.restore(
    new Map(
      values.map(([name, { data }]) => {
        const { layout, shape } = parameters.get(name)
        return [name, tensor(toMemory(layout, shape, data), shape as number[], 'float32')]
      }),
    ),
  )
}

/** L2 norm; 0 of nothing. */
export const norm = (values: Float32Array = new Float32Array(0)): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))
