import { tensor } from '@tensorflow/tfjs-core'
import type { CheckpointState } from './checkpoint.js'
import type { Teacher } from './contracts/teacher.js'
import { UniDiagError } from './errors.js'
import { toMemory } from './nn/layout.js'
import type { AdamW } from './optim/adamw.js'
import type { RunContext } from './run-context.js'

/** Starts a stage, or takes it up where `context.resume` left it: optimiser and teacher as they were. The weights are loaded already. */
export function restoreTraining(
  { resume, parameters }: RunContext,
  { stage, optimizer, teacher }: { stage: string; optimizer: AdamW; teacher: Teacher | undefined },
): CheckpointState {
  if (!resume || resume.state.stage !== stage) {
    teacher?.start()
    return { stage, step: 0, validated: 0 }
  }
  if (resume.optimizer) optimizer.restore(resume.optimizer)
  if (teacher) {
    if (resume.teacher.size === 0) throw new UniDiagError('CHECKPOINT_MISMATCH', `${resume.file} holds no teacher, but ${stage} has one`)
    teacher.restore(
      new Map(
        Array.from(resume.teacher, ([name, stored]) => {
          const { layout, shape } = parameters.get(name)
          return [name, tensor(toMemory(layout, shape, stored.data), shape as number[], 'float32')]
        }),
      ),
    )
  }
  return resume.state
}
