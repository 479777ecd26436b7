import type { Task } from '@unidiag/core/contracts/task'
import { compareCoefficients, compareNorms, compareOutputs, compareRates, compareReach, tune } from './check-downstream.js'
import { Comparison } from './comparison.js'
import { taskDataset, taskSamples, withTask } from './downstream-model.js'
import type { Fixture } from './fixture.js'
import { type ParityGroup, tolerances } from './report.js'

/** Classification with GM-Coord as released. */
export function checkClassification(fixture: Fixture): Promise<ParityGroup[]> {
  return withTask(fixture, 'cls', async (model) => {
    const tuned = await tune(fixture, 'cls', model)
    const losses = [['cross-entropy', tuned.computed.losses.total, fixture.downstream.cls.loss]] as const
    return [
      compareOutputs('classification: features, logits and loss', fixture, 'cls', tuned, losses),
      compareCoefficients('GM-Coord, classification: contributions and coefficients', fixture, 'cls', tuned),
      compareNorms('classification: L2 of gradients', fixture, 'cls', tuned),
      compareReach('classification: which parameters get a gradient', fixture, 'cls', tuned),
      right(fixture, model.task, tuned.shown.get('cls.logits')!),
      compareRates('classification: cosine schedule and groups', fixture, 'cls'),
    ]
  })
}

function right(fixture: Fixture, task: Task, logits: Float32Array): ParityGroup {
  const group = new Comparison('classification: right classes', tolerances.exact)
  const samples = taskSamples(fixture)
  const evaluator = task.evaluator()
  evaluator.add(logits, samples)
  const { value, n } = evaluator.score({ dataset: taskDataset(samples), split: 'test', lost: 0 }).metrics.accuracy
  group.number('correct', Math.round(value * n), fixture.downstream.cls.metric.correct)
  group.number('total', n, fixture.downstream.cls.metric.total)
  return group.result()
}
