import { memory } from '@tensorflow/tfjs-core'
import { describeShared } from '@unidiag/testing/shared'
import { useBackend } from '@unidiag/testing/backends'
import { expect, it } from 'vitest'
import { join } from 'node:path'
import { runParity } from './run-parity.js'

describeShared('runParity', (shared) => {
  useBackend()

  it('recomputes every number of the reference', async () => {
    const before = memory().numTensors
    const report = await runParity(join(shared, 'parity'))
    console.info(report.groups.map(({ name, tensors, worst, tolerance, passed, missing }) => `${passed ? 'ok  ' : 'FAIL'} ${name}: ${tensors}, ${worst?.error.toExponential(1)} (${worst?.tensor}) of ${tolerance.relative} ${missing.slice(0,5)}`).join('\n'))
    expect(report.groups.filter(({ passed }) => !passed)).toEqual([])
    expect(memory().numTensors).toBe(before)
  })
})
