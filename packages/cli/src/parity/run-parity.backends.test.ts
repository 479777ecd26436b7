import { join } from 'node:path'
import { memory } from '@tensorflow/tfjs-core'
import { testBackend, useBackend } from '@unidiag/testing/backends'
import { describeShared } from '@unidiag/testing/shared'
import { expect, it } from 'vitest'
import { runParity } from './run-parity.js'

describeShared(`runParity on ${testBackend()}`, (shared) => {
  useBackend()

  it('recomputes every number of the reference, and keeps no tensor', async () => {
    const before = memory().numTensors
    const report = await runParity(join(shared, 'parity'))
    expect(report.backend).toBe(testBackend())
    expect(report.groups.filter(({ passed }) => !passed)).toEqual([])
    expect(report.passed).toBe(true)
    expect(report.groups.length).toBeGreaterThan(20)
    // A tenth of what is allowed: rounding, and nothing else.
    for (const { name, worst, tolerance } of report.groups) expect(worst?.error, name).toBeLessThanOrEqual(tolerance.relative / 10)
    expect(memory().numTensors).toBe(before)
  })
})
