import { concat, type Tensor2D, tidy } from '@tensorflow/tfjs-core'
import { Task } from '@unidiag/core/contracts/task'
import { weightedObjectives } from '@unidiag/core/stages/weighted-loss'
import { Step } from '@unidiag/core/step'
import { itm } from '@unidiag/pretrain/itm'
import { mim } from '@unidiag/pretrain/mim'
import { mlm } from '@unidiag/pretrain/mlm'
import { pretrainBatch } from './batch.js'
import { Comparison } from './comparison.js'
import { computeObjectives, norm } from './compute.js'
import { isDeadWeight } from './dead-weights.js'
import type { Fixture } from './fixture.js'
import { decoderOf, withModel } from './model.js'
import { type ParityGroup, tolerances } from './report.js'
import { vqaBatch, withVqa } from './vqa-model.js'

const names = ['mlm', 'mim', 'itm']

/** M3AE with the same weights: a pass of its own for each modality, an inner fusion layer for pixels, class-token pooling. */
export async function checkM3ae(fixture: Fixture): Promise<ParityGroup[]> {
  return [...(await pretraining(fixture)), await vqa(fixture)]
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

async function vqa(fixture: Fixture): Promise<ParityGroup> {
  const group = new Comparison('M3AE VQA: features, logits and losses', tolerances.forward)
  const stored = { bce: fixture.m3ae.vqa.loss, 'cross-entropy': fixture.m3ae.vqa.loss_cross_entropy_paper_form }
  for (const [loss, value] of Object.entries(stored) as [keyof typeof stored, number][])
    await withVqa(fixture, loss, async ({ model, pipeline }) => {
      const task = pipeline.get(Task)
      const batch = await vqaBatch(fixture, task)
      tidy(() => {
        const step = new Step({ model, batch, training: false })
        const pooled = step.pooled({ image: 'full', text: 'full' }, 'first')
        const logits = task.logits(pooled, step)
        group.number(`loss: ${loss}`, task.loss(logits, step).dataSync()[0], value)
        if (loss === 'cross-entropy') return
        const ours = { 'm3ae.vqa.cls_feats': concat([pooled.text, pooled.image], 1) as Tensor2D, 'm3ae.vqa.logits': logits }
        for (const [name, tensor] of Object.entries(ours)) group.tensor(name, tensor.dataSync(), fixture.m3aeIo.get(name)?.data ?? [])
      })
    })
  return group.result()
}
