import { concat, type Tensor2D, tidy } from '@tensorflow/tfjs-core'
import { weightedObjectives } from '@unidiag/core/stages/weighted-loss'
import { ownPair, Step } from '@unidiag/core/step'
import { itm } from '@unidiag/pretrain/itm'
import { mim } from '@unidiag/pretrain/mim'
import { mlm } from '@unidiag/pretrain/mlm'
import { pretrainBatch } from './batch.js'
import { Comparison } from './comparison.js'
import { computeObjectives, norm } from './compute.js'
import { isDeadWeight } from './dead-weights.js'
import { type DownstreamModel, type TaskName, taskBatch, withTask } from './downstream-model.js'
import type { Fixture } from './fixture.js'
import { decoderOf, withModel } from './model.js'
import { type ParityGroup, tolerances } from './report.js'

const names = ['mlm', 'mim', 'itm']

/** M3AE with the same weights: a pass of its own for each modality, an inner fusion layer for pixels, class-token pooling. */
export async function checkM3ae(fixture: Fixture): Promise<ParityGroup[]> {
  return [
    ...(await pretraining(fixture)),
    await task(fixture, 'vqa', 'M3AE VQA: features, logits and losses'),
    await task(fixture, 'cls', 'M3AE classification: features, logits and loss'),
    await task(fixture, 'irtr', 'M3AE retrieval: features, scores and loss'),
  ]
}

function pretraining(fixture: Fixture): Promise<ParityGroup[]> {
  const { m3ae, m3aeIo, pretrain } = fixture
  const plugins = [
    decoderOf(fixture),
    mim({ text: 'full', mimLayer: m3ae.mim_layer, normPixLoss: pretrain.config.norm_pix_loss }),
    mlm({ image: 'full', positions: 'all' }),
    itm(),
  ]
  return withModel(fixture, plugins, fixture.student, (model) => {
    const terms = weightedObjectives('m3ae', names.map(model.objective), { objectives: names, alpha: 0, weights: {} })
    const batch = pretrainBatch(fixture)
    const { losses, gradients } = computeObjectives(model, batch, terms)
    const values = new Comparison('M3AE pre-training: losses and logits', tolerances.forward)
    for (const name of names) values.number(`${name}_loss`, losses[name], m3ae.pretrain[`${name}_loss`] as number)
    values.number('total', losses.total, m3ae.pretrain.total)
    tidy(() => {
      const tap = (shown: string, value: { dataSync(): ArrayLike<number> }): void => {
        const name = `m3ae.${shown.slice(shown.indexOf(':') + 1)}`
        const stored = m3aeIo.get(name)
        if (stored && names.some((objective) => shown.startsWith(`${objective}:`))) values.tensor(name, Float32Array.from(value.dataSync()), stored.data)
      }
      const step = new Step({ model: model.model, batch, training: false, tap })
      for (const { objective } of terms) objective.loss(step)
    })
    const norms = new Comparison('M3AE pre-training: L2 of gradients', tolerances.gradients)
    norms.numbers((name) => norm(gradients.get(name)), m3ae.pretrain.grad_l2, isDeadWeight)
    return [values.result(), norms.result()]
  })
}

/** A task with class-token pooling. */
async function task(fixture: Fixture, name: TaskName, title: string): Promise<ParityGroup> {
  const group = new Comparison(title, tolerances.forward)
  const compared =
    (loss: string, stored: number, shown: boolean) =>
    async ({ model, task }: DownstreamModel) => {
      const batch = await taskBatch(fixture, task)
      tidy(() => {
        const step = new Step({ model, batch, training: false })
        const pooled = step.pooled(task.view ?? ownPair, 'first')
        const logits = task.logits(pooled, step)
        group.number(`loss: ${loss}`, task.loss(logits, step).dataSync()[0], stored)
        if (!shown) return
        const ours: Record<string, Tensor2D> = { cls_feats: concat([pooled.text, pooled.image], 1), [name === 'irtr' ? 'score' : 'logits']: logits }
        for (const [key, tensor] of Object.entries(ours)) group.tensor(key, tensor.dataSync(), fixture.m3aeIo.get(`m3ae.${name}.${key}`)?.data ?? [])
      })
    }
  await withTask(fixture, name, compared('as released', fixture.m3ae[name].loss, true))
  if (name === 'vqa') await withTask(fixture, name, compared('cross-entropy', fixture.m3ae.vqa.loss_cross_entropy_paper_form, false), 'cross-entropy')
  return group.result()
}
