// Fails when a test was skipped, and closes with one line of counts.
import { readFileSync } from 'node:fs'

const { testResults, numPassedTests, numFailedTests } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const skipped = testResults.flatMap(({ name, assertionResults }) =>
  assertionResults.filter((t) => !['passed', 'failed'].includes(t.status)).map((t) => `${name}: ${t.fullName}`),
)
for (const test of skipped) console.error(`skipped: ${test}`)
console.log(`${numPassedTests} passed, ${numFailedTests} failed, ${skipped.length} skipped`)
process.exit(numPassedTests === 0 || numFailedTests > 0 || skipped.length > 0 ? 1 : 0)
