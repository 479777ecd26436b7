import { startBackend } from '@unidiag/core/backend/backend'
import { checkClassification } from './check-classification.js'
import { checkForward } from './check-forward.js'
import { checkGradients } from './check-gradients.js'
import { checkM3ae } from './check-m3ae.js'
import { checkReadings } from './check-readings.js'
import { checkRetrieval } from './check-retrieval.js'
import { checkSteps } from './check-steps.js'
import { checkTdCalib } from './check-td-calib.js'
import { checkVqa } from './check-vqa.js'
import { readFixture } from './fixture.js'
import type { NotCovered, ParityGroup, ParityReport } from './report.js'

const checks = [checkForward, checkGradients, checkSteps, checkReadings, checkTdCalib, checkVqa, checkClassification, checkRetrieval, checkM3ae]

const notCovered: readonly NotCovered[] = [
  { what: 'hf.json, hf_io, hf_clip_vision, hf_roberta', why: 'importing published weights is tested with the encoders' },
  { what: "CLIP's text part and RoBERTa's pooler, position_ids", why: 'weights that nothing reads are not created' },
  { what: 'param_l2_after, ema_l2_after', why: 'the tensors themselves are compared; these sums hold weights that are not created' },
  { what: 'key biases after the optimiser steps', why: 'their true gradient is zero, so that what is stored is rounding noise (README, 13)' },
]

/**
 * Recomputes every number of a folder of reference numbers (the folder's README is its contract) with the plugins of UniDiag.
 * Runs on the backend that is started, `auto` when none is.
 * @throws UniDiagError DATA_MISSING naming a file that is not there, DATA_MALFORMED, CHECKPOINT_INVALID
 */
export async function runParity(dir: string): Promise<ParityReport> {
  const fixture = await readFixture(dir)
  const { name: backend } = await startBackend()
  const groups: ParityGroup[] = []
  for (const check of checks) groups.push(...(await check(fixture)))
  return { dir, backend, groups, notCovered, passed: groups.every((group) => group.passed) }
}
