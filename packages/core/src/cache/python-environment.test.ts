import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { installPythonPackages } from './python-environment.js'

describe('installPythonPackages', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'python-'))
    vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    vi.restoreAllMocks()
    rmSync(folder, { recursive: true })
  })

  /** A machine whose python3 is this script. */
  const python3 = (script: string): void => {
    writeFileSync(join(folder, 'python3'), `#!/bin/sh\n${script}\n`)
    chmodSync(join(folder, 'python3'), 0o755)
    vi.stubEnv('PATH', `${folder}:/usr/bin:/bin`)
  }

  it('says that Python is missing or makes no environments', async () => {
    python3('echo "ensurepip is not available"; exit 1')
    await expect(installPythonPackages(join(folder, 'env'), ['x'])).rejects.toMatchObject({ missing: 'python', message: expect.stringContaining('ensurepip') })
    vi.stubEnv('PATH', folder)
    rmSync(join(folder, 'python3'))
    await expect(installPythonPackages(join(folder, 'env'), ['x'])).rejects.toMatchObject({ missing: 'python', message: expect.stringContaining('ENOENT') })
  })

  it('says that pip gets nothing', async () => {
    // The environment's python is the script too: `-m venv` copies it, `-m pip` fails.
    python3('if [ "$2" = venv ]; then mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; else echo "No matching distribution for $*"; exit 1; fi')
    await expect(installPythonPackages(join(folder, 'env'), ['--no-deps', 'x==1'])).rejects.toMatchObject({
      missing: 'pip',
      message: expect.stringMatching(/No matching distribution .*--no-deps x==1/),
    })
  })
})
