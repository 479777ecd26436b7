import { join } from 'node:path'
import { memory } from '@tensorflow/tfjs-core'
import { testBackend, useBackend } from '@unidiag/testing/backends'
import { describeShared } from '@unidiag/testing/shared'
import { expect, it } from 'vitest'
import { runParity } from './run-parity.js'

const parts = [
  /^pre-training: gradients$/m,
  /^teacher after the steps$/m,
  /^TD-Calib: losses$/m,
  ...['VQA', 'classification', 'retrieval'].map((task) => new RegExp(`^GM-Coord, ${task}: contributions and coefficients$`, 'm')),
  /^retrieval: recall$/m,
  ...['pre-training', 'VQA', 'classification', 'retrieval'].map((task) => new RegExp(`^M3AE ${task}: `, 'm')),
  /^HuggingFace CLIP: imported/m,
  /^HuggingFace CLIP: at another image size$/m,
  /^HuggingFace RoBERTa: /m,
  /^position tables: bicubic/m,
  /^image transforms: /m,
]

describeShared(`runParity on ${testBackend()}`, (shared) => {
  useBackend()

  it('recomputes every number of the reference, and keeps no tensor', async () => {
    const before = memory().numTensors
    const report = await runParity(join(shared, 'parity'))
    expect(report.backend).toBe(testBackend())
    expect(report.groups.filter(({ passed }) => !passed)).toEqual([])
    expect(report.passed).toBe(true)
    const covered = report.groups.map(({ name }) => name).join('\n')
    for (const part of parts) expect(covered).toMatch(part)
    // A tenth of what is allowed: rounding, and nothing else.
    for (const { name, worst, tolerance } of report.groups) expect(worst?.error, name).toBeLessThanOrEqual(tolerance.relative / 10)
    expect(memory().numTensors).toBe(before)
  })
})
