import { ranks, recallAt } from '@unidiag/tasks/recall'
import { compareCoefficients, compareNorms, compareOutputs, compareRates, compareReach, tune } from './check-downstream.js'
import { Comparison } from './comparison.js'
import { inFileLayout } from './compute.js'
import { withTask } from './downstream-model.js'
import { type Fixture, input } from './fixture.js'
import { type ParityGroup, tolerances } from './report.js'

/** Retrieval with GM-Coord as released: ranking one true text above wrong ones, and recall of a score matrix. */
export function checkRetrieval(fixture: Fixture): Promise<ParityGroup[]> {
  return withTask(fixture, 'irtr', async (model) => {
    model.task.begin?.({ trained: false })
    const start = new Comparison('retrieval: head before training', tolerances.parameters)
    for (const part of ['irtr_head.weight', 'irtr_head.bias'])
      start.tensor(part, inFileLayout(model.parameters, part, model.parameters.get(part).value), input(fixture, 'downstreamIo', `weight.${part}`).data)
    const tuned = await tune(fixture, 'irtr', model)
    const losses = [['cross-entropy', tuned.computed.losses.total, fixture.downstream.irtr.loss]] as const
    return [
      start.result(),
      compareOutputs('retrieval: features, scores and loss', fixture, 'irtr', tuned, losses),
      compareCoefficients('GM-Coord, retrieval: contributions and coefficients', fixture, 'irtr', tuned),
      compareNorms('retrieval: L2 of gradients', fixture, 'irtr', tuned),
      compareReach('retrieval: which parameters get a gradient', fixture, 'irtr', tuned),
      compareRates('retrieval: cosine schedule and groups', fixture, 'irtr'),
      recall(fixture),
    ]
  })
}

function recall({ retrieval: { scores, image_ids, text_image_ids, ...stored } }: Fixture): ParityGroup {
  const group = new Comparison('retrieval: recall', tolerances.formula)
  const { textToImage, imageToText } = ranks(Float32Array.from(scores.flat()), image_ids, text_image_ids)
  for (const k of [1, 5, 10] as const) {
    group.number(`ir_r${k}`, recallAt(textToImage, k), stored[`ir_r${k}`])
    group.number(`tr_r${k}`, recallAt(imageToText, k), stored[`tr_r${k}`])
  }
  return group.result()
}
