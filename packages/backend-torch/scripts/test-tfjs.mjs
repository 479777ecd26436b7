// Runs tfjs-core's own published test suite on the torch backend.
//   node scripts/test-tfjs.mjs [--filter text] [--device cuda:0] [--threads 2] [--json file]
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { rolldown } from 'rolldown'
import { loadAddon } from '../dist/load.js'

const here = dirname(fileURLToPath(import.meta.url))
const { values: options } = parseArgs({
  options: { filter: { type: 'string' }, device: { type: 'string' }, threads: { type: 'string' }, json: { type: 'string' }, all: { type: 'boolean' } },
})

async function bundle() {
  const build = await rolldown({
    input: join(here, 'tfjs-suite.mjs'),
    platform: 'node',
    resolve: { mainFields: ['module', 'main'] },
    external: [/^node:/, /jasmine-core/, /node-fetch/],
    // Test files count as free of side effects in tfjs-core's package.json.
    treeshake: false,
    logLevel: 'silent',
  })
  const dir = join(here, '../dist/tfjs-suite')
  mkdirSync(dir, { recursive: true })
  await build.write({ dir, format: 'esm', entryFileNames: 'suite.mjs', chunkFileNames: '[name]-[hash].mjs' })
  return pathToFileURL(join(dir, 'suite.mjs')).href
}

const started = performance.now()
const url = await bundle()
const require = createRequire(import.meta.url)
const jasmineRequire = require('jasmine-core')
const jasmine = jasmineRequire.boot ? jasmineRequire.boot(jasmineRequire) : undefined
globalThis.jasmine ??= jasmine
const env = jasmine.getEnv()
const left = JSON.parse(readFileSync(join(here, 'tfjs-left-out.json'), 'utf8'))
const leftOut = new Map()
const reasonFor = (name) => left.find(({ specs }) => specs.some((spec) => name.includes(spec)))
env.configure({
  random: false,
  specFilter: (spec) => {
    const name = spec.getFullName()
    if (options.filter !== undefined && !name.includes(options.filter)) return false
    const entry = options.all ? undefined : reasonFor(name)
    if (entry !== undefined) leftOut.set(name, entry.reason)
    return entry === undefined
  },
})

const { addon, torch } = await loadAddon()
await (await import(url)).defineSpecs(addon, { device: options.device, threads: options.threads && Number(options.threads) })
const failed = []
let passed = 0
env.addReporter({
  specDone({ status, fullName, failedExpectations }) {
    if (status === 'passed') passed++
    else if (status === 'failed') failed.push({ name: fullName, messages: failedExpectations.map((e) => e.message) })
  },
})
const result = await env.execute()
const total = passed + failed.length + leftOut.size
for (const { name, messages } of failed) process.stdout.write(`FAILED ${name}\n  ${messages.join('\n  ').slice(0, 600)}\n`)
const summary = {
  libtorch: torch.version,
  passed,
  failed: failed.length,
  leftOut: leftOut.size,
  total,
  leftOutShare: `${((100 * leftOut.size) / total).toFixed(2)} %`,
  overall: result.overallStatus,
  seconds: Math.round((performance.now() - started) / 1000),
}
process.stdout.write(`${JSON.stringify(summary)}\n`)
if (options.json) writeFileSync(options.json, JSON.stringify({ ...summary, failures: failed, leftOut: [...leftOut] }, null, 1))
process.exit(failed.length === 0 && passed > 0 && leftOut.size < total / 20 ? 0 : 1)
