// Fails when a test was skipped that should have run here, and closes with counts: a line a backend, and one of all.
import { readFileSync } from 'node:fs'
import { engines, linesOf, report } from './report-backends.mjs'

const tests = JSON.parse(readFileSync(report, 'utf8'))
const count = (wanted) => tests.filter(({ state }) => state === wanted).length
const [passed, failed] = [count('passed'), count('failed')]
const notRun = tests.filter(({ state }) => state !== 'passed' && state !== 'failed')
// A machine without an engine has nothing to run its tests on.
const without = engines
  .filter(({ here }) => !here)
  .map(({ missing }) => ({ missing, tests: notRun.filter(({ name }) => name.includes(`(skipped, no ${missing}`)) }))
const skipped = notRun.filter((test) => !without.some(({ tests }) => tests.includes(test)))
for (const { backend, file, name } of skipped) console.error(`skipped: ${backend} ${file}: ${name}`)
for (const line of linesOf(tests)) console.log(line)
for (const { missing, tests } of without) console.log(`no ${missing} here, so ${tests.length} tests of it alone did not run`)
console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`)
process.exit(passed === 0 || failed > 0 || skipped.length > 0 ? 1 : 0)
