import { type Tensor, type Tensor4D, tidy } from '@tensorflow/tfjs-core'
import type { Teacher } from '@unidiag/core/contracts/teacher'
import { batchKeys } from '@unidiag/core/data/batch-keys'
import { Forward } from '@unidiag/core/nn/forward'
import { patchify } from '@unidiag/core/ops/patchify'
import { weightedLoss } from '@unidiag/core/stages/weighted-loss'
import { Step } from '@unidiag/core/step'
import { itmKeys } from '@unidiag/pretrain/itm'
import { pretrainBatch } from './batch.js'
import { Comparison } from './comparison.js'
import type { Fixture } from './fixture.js'
import type { ParityModel } from './model.js'
import { terms, withPretraining } from './pretrain-model.js'
import { type ParityGroup, tolerances } from './report.js'

/** What the prefixes of the stored names stand for. */
const passes = {
  masked: 'pre-training: student on masked pairs',
  teacher: 'pre-training: teacher',
  itm: 'pre-training: student on matching pairs',
  out: 'pre-training: logits and targets',
}

/** Every stored output of the three passes and of the heads. */
export function checkForward(fixture: Fixture): Promise<ParityGroup[]> {
  return withPretraining(fixture, 'all', (model, teacher) => {
    const ours = outputs(fixture, model, teacher)
    return Object.entries(passes).map(([pass, name]) => {
      const group = new Comparison(name, tolerances.forward)
      for (const [key, { data, shape }] of fixture.io) {
        if (!key.startsWith(`${pass}.`)) continue
        group.tensor(key, key.endsWith('.patch_embed_conv1') ? channelsFirst(ours.get(key), shape) : ours.get(key), data)
      }
      return group.result()
    })
  })
}

/** Outputs of all passes by the names of the fixture. */
function outputs(fixture: Fixture, parityModel: ParityModel, teacher: Teacher): Map<string, ArrayLike<number>> {
  const { model } = parityModel
  const batch = pretrainBatch(fixture)
  const seen = new Map<string, ArrayLike<number>>([
    ['masked.mim_mask', batch.arrays[batchKeys.imageRemoved].data],
    ['masked.mim_ids_restore', batch.arrays[batchKeys.imageRestore].data],
  ])
  const tap = (name: string, value: Tensor): void => {
    seen.set(
      storedName(name, (key) => fixture.io.has(key)),
      Float32Array.from(value.dataSync()),
    )
  }
  tidy(() => {
    const step = new Step({ model, batch, teacher, training: false, tap })
    weightedLoss(terms(parityModel), step)
    // The reference pools in every pass; the method pools in the matching pass only.
    step.pooled({ image: 'masked', text: 'masked' }, 'first')
    const features = step.teacher({ image: 'full', text: 'full' })
    const forward = new Forward({ training: false, tap: (name, value) => tap(`teacher/:${name}`, value) })
    teacher.run(() => ({ ...model.fusion.pool(features, features.mask, 'first', forward) }))
    tap('out:patched_images', patchify(step.get<Tensor4D>(batchKeys.image), model.image.patchSize))
  })
  return seen
}

/** `<pass or objective>:<name>`, as a step shows values, to the fixture's `<pass>.<name>`. */
function storedName(shown: string, isStored: (key: string) => boolean): string {
  const colon = shown.indexOf(':')
  const [from, name] = [shown.slice(0, colon), shown.slice(colon + 1)]
  if (from.startsWith('teacher/')) return `teacher.${name}`
  if (from.startsWith('student/')) return `${from.includes(`from=${itmKeys.image}`) ? 'itm' : 'masked'}.${name}`
  return isStored(`out.${name}`) ? `out.${name}` : `masked.${name}`
}

/** `[B, N, d]` to `[B, d, G, G]`. */
function channelsFirst(values: ArrayLike<number> | undefined, [batch, width, rows, columns]: readonly number[]): Float32Array | undefined {
  if (!values) return undefined
  const patches = rows * columns
  const out = new Float32Array(values.length)
  for (let b = 0; b < batch; b++)
    for (let n = 0; n < patches; n++) for (let c = 0; c < width; c++) out[(b * width + c) * patches + n] = values[(b * patches + n) * width + c]
  return out
}
