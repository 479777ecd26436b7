import { CommanderError } from 'commander'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { exitCodeOf } from './exit-codes.js'
import { makeProgram } from './program.js'
import { describeError } from './report-error.js'

let out = ''
let err = ''
beforeEach(() => {
  out = err = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += text
    return true
  })
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += text
    return true
  })
})
afterEach(() => vi.restoreAllMocks())

/** Parses a command line as `main` does. @returns the exit code */
async function unidiag(...args: string[]): Promise<number> {
  try {
    await makeProgram().parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    if (!(error instanceof CommanderError)) err += describeError(error, false)
    return exitCodeOf(error)
  }
}

describe('unidiag', () => {
  it.each([
    '',
    'run',
    'ablate',
    'eval',
    'predict',
    'embed',
    'parity',
    'data',
    'data verify',
    'data prepare',
    'doctor',
    'backend install torch',
    'backend install tensorflow',
    'bench',
    'bench step',
    'bench op',
    'bench data',
    'bench scale',
  ])('%s --help shows examples and exit codes', async (command) => {
    expect(await unidiag(...command.split(' ').filter(Boolean), '--help')).toBe(0)
    expect(out).toContain(`Usage: ${['unidiag', command].join(' ').trim()}`)
    // Those two only hold others.
    if (command !== 'data' && command !== 'bench') expect(out).toMatch(/Examples?:\n {2}\$ unidiag[\s\S]*Exit codes:/)
  })

  it.each([
    [['rnu'], /unknown command 'rnu'\n\(Did you mean run\?\)/],
    [['run', 'x.yaml', '--resum'], /unknown option '--resum'\n\(Did you mean --resume\?\)/],
    [['run'], /missing required argument 'config'/],
    [['predict', '--image', 'x'], /required option '--checkpoint <path>' not specified/],
    [['run', 'x.yaml', '--backend', 'wsam'], /Allowed choices are auto, torch-gpu, tensorflow-gpu, torch, tensorflow, webgpu, wasm, cpu/],
    [['backend', 'install', 'torch', '--cuda', '12.6'], /expected PyTorch's name of a CUDA version\nfix: .*--cuda cu126/],
    [['bench', 'step', '--steps', '0'], /Expected a whole number from 1/],
    [['bench', 'step', '--samples', '9', '--against', 'x'], /'--samples <n>' cannot be used with option '--against/],
    [['bench', 'scale', '--samples', '10,x'], /Expected a whole number from 1/],
    [['run', 'none.yaml'], /^error CONFIG_UNREADABLE: .*none\.yaml.*\nfix: /],
    [['eval', 'none'], /^error CHECKPOINT_INVALID: .*none\nfix: /],
    [['data', 'verify', 'slake', '/none'], /^error DATA_MISSING: .*\nfix: /],
  ])('%j is bad usage', async (args, message) => {
    expect(await unidiag(...args)).toBe(2)
    expect(err).toMatch(message)
  })
})

describe('describeError', () => {
  it('keeps the stack for those who ask', () => {
    const error = new Error('odd')
    expect(describeError(error, false)).toMatch(/^error: odd\nfix: .*--verbose/)
    expect(describeError(error, false)).not.toContain(' at ')
    expect(describeError(error, true)).toContain('program.test')
    expect(exitCodeOf(error)).toBe(3)
  })
})
