// Fails when a test was skipped that should have run here, and closes with one line of counts.
import { readFileSync } from 'node:fs'

const { testResults, numPassedTests, numFailedTests } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const tests = testResults.flatMap(({ name, assertionResults }) => assertionResults.map(({ fullName, status }) => ({ test: `${name}: ${fullName}`, status })))
const notRun = tests.filter(({ status }) => !['passed', 'failed'].includes(status)).map(({ test }) => test)
// Those that need an engine that is not everywhere say so in their names; a machine without it has nothing to run them on.
const engines = [
  { name: 'torch', here: process.env.UNIDIAG_TORCH, missing: 'libtorch' },
  { name: 'webgpu', here: process.env.UNIDIAG_WEBGPU, missing: 'WebGPU adapter' },
]
const without = engines
  .filter(({ here }) => !here)
  .map(({ missing }) => ({ missing, tests: notRun.filter((test) => test.includes(`(skipped, no ${missing}`)) }))
const skipped = notRun.filter((test) => !without.some(({ tests }) => tests.includes(test)))
for (const test of skipped) console.error(`skipped: ${test}`)
console.log(`backends: ${['wasm', 'cpu', ...engines.filter(({ here }) => here).map(({ name }) => name)].join(', ')}`)
for (const { missing, tests } of without) console.log(`no ${missing} here, so ${tests.length} tests of it did not run`)
console.log(`${numPassedTests} passed, ${numFailedTests} failed, ${skipped.length} skipped`)
process.exit(numPassedTests === 0 || numFailedTests > 0 || skipped.length > 0 ? 1 : 0)
