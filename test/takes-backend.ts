import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Tests that choose their engines themselves, and why: they run once, whatever backend the others run on. */
export const choosing = [
  'packages/backend-torch/src/', // about one engine
  'packages/core/src/backend/wasm-kernels.test.ts', // about one engine
  'packages/core/src/backend/webgpu.test.ts', // about one engine
  'packages/core/src/backend/start.test.ts', // about the choice
  'packages/cli/src/dry/', // an engine that computes nothing
  'packages/datasets/src/', // data: an engine is there, and has nothing to do
  'packages/cli/src/data/', // as those
  'test/precision.test.ts', // what only torch has
  'test/faults/config.test.ts', // refused before an engine starts
]

const chooses = (file: string): boolean => choosing.some((path) => file.includes(path))

/** How a test comes to the backend of UNIDIAG_TEST_BACKEND: in this process, or in one that runs the command. */
const ways = /from '(?:@unidiag\/testing\/backends|(?:\.\.?\/)+(?:backends|command)\.js)'/

/** Whether a test file computes on the backend that it is given, and so has something to say on each. */
export const takesBackend = (file: string): boolean => !chooses(file) && ways.test(readFileSync(file, 'utf8'))

/** An engine by name in a config, a call or a command line, or a command that is started past test/command.ts. */
const named = /backend: \{ name: ['"]?(?!\$)|startBackend\('|'--backend', '(?:auto|torch|tensorflow|webgpu|wasm|cpu)|bin\/unidiag/

/** What keeps a test file from running on every backend, as far as its text tells. */
export function namesEngine(file: string): string | undefined {
  const [found] = (!chooses(file) && named.exec(readFileSync(file, 'utf8'))) || []
  return found !== undefined && !(found === 'bin/unidiag' && takesBackend(file)) ? `${file}: ${found}` : undefined
}

/** What is wrong with the engine that ran in a test file, if one did. @param given UNIDIAG_TEST_BACKEND */
export function wrongEngine(file: string, started: string | undefined, given: string): string | undefined {
  if (started === undefined || chooses(file)) return undefined
  if (!takesBackend(file))
    return `it computes, but only on ${started}: take the backend by useBackend of @unidiag/testing/backends, and it runs on every other too`
  return started === given ? undefined : `it ran on ${started}, not on ${given}, the backend that it was given`
}

/** Paths of all test files, from the root of the repository; without those of the packed install, which have a config of their own. */
export function testFiles(): string[] {
  const folders = [...readdirSync('packages').map((name) => join('packages', name, 'src')), 'test']
  const files = folders.flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)))
  return files.filter((file) => file.endsWith('.test.ts') && !file.startsWith(join('test', 'packed')))
}
