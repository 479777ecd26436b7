import type { ParityReport } from './report.js'

/**
 * Recomputes every number of a folder of reference numbers (the folder's README is its contract) with the plugins of UniDiag.
 * Runs on the backend that is started, `auto` when none is.
 * @throws UniDiagError DATA_MISSING naming a file that is not there, DATA_MALFORMED, CHECKPOINT_INVALID
 */
export async function runParity(_dir: string): Promise<ParityReport> {
  throw new Error('not yet')
}
