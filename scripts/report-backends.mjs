// How much ran on which backend.
import { mkdirSync, writeFileSync } from 'node:fs'

export const report = '.turbo/tests.json'

/** Engines that are not everywhere. Tests that need one say in their names what is missing. */
export const engines = [
  { name: 'torch', here: process.env.UNIDIAG_TORCH, missing: 'libtorch', variable: 'UNIDIAG_TORCH' },
  { name: 'webgpu', here: process.env.UNIDIAG_WEBGPU, missing: 'WebGPU adapter', variable: 'UNIDIAG_WEBGPU' },
]

/** A line a backend. @param tests what the reporter keeps */
export function linesOf(tests) {
  const ran = tests.filter(({ state }) => state === 'passed' || state === 'failed')
  const lines = [...new Set(ran.map(({ backend }) => backend))].map((name) => {
    const on = ran.filter(({ backend }) => backend === name)
    return `on ${name}: ${on.length} tests of ${new Set(on.map(({ file }) => file)).size} files`
  })
  return [...lines, ...engines.filter(({ here }) => !here).map(({ name, missing, variable }) => `on ${name}: none, no ${missing} (${variable} is not set)`)]
}

/** A reporter of vitest: closes with those lines, and keeps what they are made of for scripts/require-all-tests.mjs. */
export default class BackendReporter {
  onTestRunEnd(files) {
    const tests = files.flatMap((file) =>
      Array.from(file.children.allTests(), (test) => ({
        backend: file.project.name,
        file: file.relativeModuleId,
        name: test.fullName,
        state: test.result().state,
      })),
    )
    mkdirSync('.turbo', { recursive: true })
    writeFileSync(report, JSON.stringify(tests))
    for (const line of linesOf(tests)) console.log(line)
  }
}
