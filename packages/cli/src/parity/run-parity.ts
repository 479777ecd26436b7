import { setImmediate as turn } from 'node:timers/promises'
import { startBackend } from '@unidiag/core/backend/backend'
import type { Precision } from '@unidiag/core/backend/engines'
import { checkClassification } from './check-classification.js'
import { checkForward } from './check-forward.js'
import { checkGradients } from './check-gradients.js'
import { checkHub } from './check-hub.js'
import { checkImages } from './check-images.js'
import { checkM3ae } from './check-m3ae.js'
import { checkReadings } from './check-readings.js'
import { checkRetrieval } from './check-retrieval.js'
import { checkSteps } from './check-steps.js'
import { checkTdCalib } from './check-td-calib.js'
import { checkVqa } from './check-vqa.js'
import { readFixture } from './fixture.js'
import { inBf16, type NotCovered, type ParityGroup, type ParityReport } from './report.js'

const checks = [
  checkForward,
  checkGradients,
  checkSteps,
  checkReadings,
  checkTdCalib,
  checkVqa,
  checkClassification,
  checkRetrieval,
  checkM3ae,
  checkHub,
  checkImages,
]

const notCovered: readonly NotCovered[] = [
  { what: "outputs of the hub's last vision block and its poolers", why: 'the reference leaves out that block, and pools nothing there' },
  { what: "logits of the hub's language-model head", why: 'the reference starts its own head anew' },
  { what: "CLIP's text part and RoBERTa's pooler, position_ids", why: 'weights that nothing reads are not created' },
  { what: 'param_l2_after, ema_l2_after', why: 'the tensors themselves are compared; these sums hold weights that are not created' },
  { what: 'key biases after the optimiser steps', why: 'their true gradient is zero, so that what is stored is rounding noise (README, 13)' },
]

const noHub: NotCovered = { what: "HuggingFace's CLIP and RoBERTa, position tables, image transforms", why: 'the folder has no hf_io.safetensors' }

/**
 * Recomputes every number of a folder of reference numbers (the folder's README is its contract) with the plugins of UniDiag.
 * Runs on the backend that is started, `auto` when none is.
 * @param precision what that backend computes in
 * @throws UniDiagError DATA_MISSING naming a file that is not there, DATA_MALFORMED, CHECKPOINT_INVALID
 */
export async function runParity(dir: string, precision: Precision = 'f32'): Promise<ParityReport> {
  const fixture = await readFixture(dir)
  const { name: backend } = await startBackend()
  const groups: ParityGroup[] = []
  for (const check of checks) {
    groups.push(...(await check(fixture)).map((group) => (precision === 'bf16' ? inBf16(group) : group)))
    // Node frees what WebGPU holds between turns of its event loop only.
    await turn()
  }
  const left = fixture.hub ? notCovered : [...notCovered, noHub]
  return { dir, backend, precision, groups, notCovered: left, passed: groups.every((group) => group.passed) }
}
