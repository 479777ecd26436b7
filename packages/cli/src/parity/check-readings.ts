import { compose } from '@unidiag/core/compose'
import { Teacher } from '@unidiag/core/contracts/teacher'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import { emaTeacher } from '@unidiag/pretrain/ema-teacher'
import { feaMim } from '@unidiag/pretrain/fea-mim'
import { feaMlm } from '@unidiag/pretrain/fea-mlm'
import { pretrainBatch } from './batch.js'
import { Comparison } from './comparison.js'
import { computeObjectives, loadTeacher } from './compute.js'
import type { Fixture } from './fixture.js'
import { decoderOf, encoders, withModel } from './model.js'
import { terms } from './pretrain-model.js'
import { type ParityGroup, tolerances } from './report.js'

/** Readings of the paper that are not the released code's (`derived_...` in the fixture), and the fixed position table of the decoder. */
export async function checkReadings(fixture: Fixture): Promise<ParityGroup[]> {
  const plugins = [
    decoderOf(fixture),
    feaMim({ mode: 'visible', projection: 'decoderEmbed', classToken: false }),
    feaMlm({ positions: 'non-pad', feaDim: fixture.pretrain.settings.hidden }),
    emaTeacher(),
  ]
  const group = new Comparison('other readings of the feature losses', tolerances.forward)
  await withModel(fixture, plugins, fixture.student, (model) => {
    const teacher = model.pipeline.get(Teacher)
    loadTeacher(teacher, model, fixture.teacher)
    const { losses } = computeObjectives(model, pretrainBatch(fixture), terms(model, ['feaMim', 'feaMlm']), teacher)
    group.number('FeaMIM on visible patches', losses.feaMim, fixture.pretrain.derived_feamim_visible_tokens_raw)
    group.number('FeaMLM without padding', losses.feaMlm, fixture.pretrain.derived_feamlm_without_padding_raw)
  })
  return [group.result(), await positions(fixture)]
}

/** The table as it is made, before a checkpoint is loaded. */
async function positions(fixture: Fixture): Promise<ParityGroup> {
  const group = new Comparison('sine-cosine positions of the decoder', tolerances.formula)
  const name = 'mim_head.decoder_pos_embed'
  const pipeline = await compose({ plugins: [...encoders(fixture), decoderOf(fixture)] })
  const stored = fixture.student.get(name)
  if (stored) group.tensor(name, pipeline.get(ParameterStore).get(name).value.dataSync(), stored.data)
  await pipeline.close()
  return group.result()
}
