import { type ErrorCode, UniDiagError } from '@unidiag/core/errors'
import { CommanderError } from 'commander'

/** What the command ends with. */
export const exitCodes = { ok: 0, problems: 1, badInput: 2, failed: 3, interrupted: 130 } as const

export const exitCodesHelp = `
Exit codes:
  0    all went well
  1    a check found problems (parity, data verify, doctor)
  2    the command, a config, a file or a question is not right; nothing was run
  3    a run or an evaluation failed on its way
  130  stopped by Ctrl-C; a run has saved a checkpoint to go on from`

/** Errors that come up only once a run is on its way. */
const ON_THE_WAY: readonly ErrorCode[] = ['GRADIENT_NONFINITE', 'NO_SAMPLES', 'PIPELINE_FROZEN', 'FILE_UNWRITABLE']

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.badInput
  if (error instanceof UniDiagError && !ON_THE_WAY.includes(error.code)) return exitCodes.badInput
  return exitCodes.failed
}
