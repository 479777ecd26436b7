// Fails when a test was skipped that should have run here, and closes with one line of counts.
import { readFileSync } from 'node:fs'

const { testResults, numPassedTests, numFailedTests } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const tests = testResults.flatMap(({ name, assertionResults }) => assertionResults.map(({ fullName, status }) => ({ test: `${name}: ${fullName}`, status })))
const notRun = tests.filter(({ status }) => !['passed', 'failed'].includes(status)).map(({ test }) => test)
// Those that need libtorch say so in their names; a machine without one has nothing to run them on.
const withoutTorch = process.env.UNIDIAG_TORCH ? [] : notRun.filter((test) => test.includes('(skipped, no libtorch'))
const skipped = notRun.filter((test) => !withoutTorch.includes(test))
for (const test of skipped) console.error(`skipped: ${test}`)
console.log(`backends: wasm and cpu${process.env.UNIDIAG_TORCH ? ' and torch' : `; no libtorch here, so ${withoutTorch.length} tests of it did not run`}`)
console.log(`${numPassedTests} passed, ${numFailedTests} failed, ${skipped.length} skipped`)
process.exit(numPassedTests === 0 || numFailedTests > 0 || skipped.length > 0 ? 1 : 0)
