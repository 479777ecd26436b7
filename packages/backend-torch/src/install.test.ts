import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { installTorch } from './install.js'
import { torchHere, whyNot } from './test-support/torch-here.js'

/** An environment's python whose pip takes the libtorch of this machine, or nothing. */
const pip = (from: string | undefined) => `#!/bin/sh
if [ "$2" = venv ]; then mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; exit 0; fi
echo "$*" >> "$PIP_LOG"
${from === undefined ? 'echo "no network"; exit 1' : `mkdir -p "$(dirname "$0")/../lib/python3.11/site-packages"; ln -s ${from} "$(dirname "$0")/../lib/python3.11/site-packages/torch"`}
`

describe('installTorch', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'install-'))
    vi.stubEnv('UNIDIAG_CACHE', join(folder, 'cache'))
    vi.stubEnv('PIP_LOG', join(folder, 'pip.log'))
    vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    vi.restoreAllMocks()
    rmSync(folder, { recursive: true })
  })

  const machine = (from?: string): void => {
    writeFileSync(join(folder, 'python3'), pip(from))
    chmodSync(join(folder, 'python3'), 0o755)
    vi.stubEnv('PATH', `${folder}:/usr/bin:/bin`)
  }

  it("names the system's package where pip gets nothing, and leaves nothing behind", async () => {
    machine()
    await expect(installTorch()).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringMatching(/pip does not get it .*no network/s),
      fix: expect.stringContaining('`apt install libtorch-dev g++`'),
    })
    expect(readdirSync(join(folder, 'cache'))).toEqual([])
    await expect(installTorch({ cuda: 'cu126' })).rejects.toMatchObject({ fix: expect.stringContaining('UNIDIAG_TORCH') })
  })

  it('refuses what has no libtorch in it', async () => {
    machine(folder)
    await expect(installTorch()).rejects.toMatchObject({ message: expect.stringContaining('no libtorch headers') })
    expect(readdirSync(join(folder, 'cache'))).toEqual([])
  })

  it.skipIf(!torchHere)(`installs once, computes, and says what it did${whyNot}`, async () => {
    const real = dirname(torchHere!.include)
    machine(real)
    const said: string[] = []
    const torch = await installTorch({ say: (line) => said.push(line) })
    expect(torch).toMatchObject({ origin: 'cache', version: torchHere!.version })
    await installTorch({ say: (line) => said.push(line) })
    expect(said).toEqual([
      expect.stringMatching(/^installing libtorch for the CPU into /),
      expect.stringMatching(/ works on (cpu|cuda:0)/),
      expect.stringMatching(/ is already in /),
      expect.stringMatching(/ works on (cpu|cuda:0)/),
    ])
    expect(existsSync(join(folder, 'cache/torch'))).toBe(true)
    if (!torchHere!.cuda) await expect(installTorch({ cuda: 'cu126' })).rejects.toMatchObject({ message: expect.stringContaining('is built without CUDA') })
    // What was there before is still there.
    expect(existsSync(join(folder, 'cache/torch'))).toBe(true)
  })
})
