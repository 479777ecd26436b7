import { Stage } from '@unidiag/core/contracts/stage'
import type { RunEvent } from '@unidiag/core/events'
import { definePlugin } from '@unidiag/core/plugin'
import type { RunContext } from '@unidiag/core/run-context'
import { from } from 'rxjs'
import { z } from 'zod'
import { countedParts, describeImport } from './describe-import.js'
import { importWeights } from './import-weights.js'
import { weightsKinds } from './names.js'

const options = z.strictObject({
  /** Loaded one after another; where two have the same weights, the later one counts. */
  files: z
    .array(
      z.strictObject({
        file: z.string().min(1),
        /** Whose names the file has; told from the names when left out. */
        kind: z.enum(weightsKinds).optional(),
        /** Loads the averaged teacher of a UMD checkpoint in place of the student. */
        teacher: z.boolean().default(false),
        /** Beginnings of parameter names that keep their random values, e.g. `vqa_head`. */
        skip: z.array(z.string().min(1)).default([]),
      }),
    )
    .min(1),
})

/**
 * A stage that loads published weights into the model (reference: m3ae_utils.py). It belongs in front of the stages that train: those take the model as
 * they find it, and a teacher copies it when its stage starts. A run that resumes behind it does not load again.
 * @throws (in the run) UniDiagError CHECKPOINT_INVALID, CHECKPOINT_MISMATCH
 */
export const init = definePlugin({
  name: '@unidiag/weights/init',
  provides: Stage,
  options,
  setup: ({ options: { files } }): Stage => ({ name: 'init', run: (context) => from(load(context, files)) }),
})

async function* load({ parameters, signal }: RunContext, files: z.output<typeof options>['files']): AsyncGenerator<RunEvent> {
  const note = (message: string): RunEvent => ({ type: 'note', stage: 'init', message })
  const loaded = new Set<string>()
  for (const { file, ...how } of files) {
    if (signal.aborted) return
    const report = await importWeights(parameters, file, how)
    for (const name of report.loaded) loaded.add(name)
    yield note(describeImport({ ...report, missing: [] }).join('; '))
  }
  const random = parameters.all().filter(({ name, trainable }) => trainable && !loaded.has(name))
  yield note(
    random.length === 0 ? 'every parameter is loaded' : `${random.length} parameters keep their random values: ${countedParts(random.map(({ name }) => name))}`,
  )
}
