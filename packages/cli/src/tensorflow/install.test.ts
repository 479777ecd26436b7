import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { compileBinding } from './binding.js'
import { officialInstall } from './official.js'
import { findPackage } from './package.js'
import { installWheel } from './wheel.js'

describe('installation of TensorFlow', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tensorflow-'))
    vi.spyOn(process, 'cwd').mockReturnValue(folder)
    vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    vi.stubEnv('UNIDIAG_CACHE', join(folder, 'cache'))
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    vi.restoreAllMocks()
    rmSync(folder, { recursive: true })
  })

  const say = () => {}

  function tfjsNode() {
    const at = join(folder, 'node_modules/@tensorflow/tfjs-node')
    mkdirSync(join(at, 'scripts'), { recursive: true })
    const binary = { module_name: 'tfjs_binding', module_path: './lib/napi-v{napi_build_version}', napi_versions: [3, 8, 9999] }
    writeFileSync(join(at, 'package.json'), JSON.stringify({ name: '@tensorflow/tfjs-node', binary }))
    return at
  }

  it('finds the package of the project, and where it looks for its binding', async () => {
    const at = tfjsNode()
    expect(await findPackage(false, say)).toEqual({ name: '@tensorflow/tfjs-node', folder: at, binding: join(at, 'lib/napi-v8/tfjs_binding.node') })
  })

  it('leaves a project of another package manager to it', async () => {
    writeFileSync(join(folder, 'pnpm-lock.yaml'), '')
    await expect(findPackage(true, say)).rejects.toMatchObject({ fix: 'Run `pnpm add @tensorflow/tfjs-node-gpu@4.22.0`, then this again.' })
  })

  it('says why its own installer fails', async () => {
    const at = tfjsNode()
    writeFileSync(join(at, 'scripts/install.js'), `throw Object.assign(new Error('getaddrinfo'), { hostname: 'storage.googleapis.com' })`)
    expect(await officialInstall(await findPackage(false, say), false)).toBe('storage.googleapis.com cannot be reached')
    writeFileSync(join(at, 'scripts/install.js'), `require('fs').writeFileSync('done', process.argv.slice(2).join())`)
    expect(await officialInstall(await findPackage(false, say), false)).toBeUndefined()
    expect(readdirSync(at)).toContain('done')
  })

  it('says what is missing for the wheel, and leaves nothing behind', async () => {
    writeFileSync(join(folder, 'python3'), '#!/bin/sh\nexit 1\n')
    chmodSync(join(folder, 'python3'), 0o755)
    vi.stubEnv('PATH', folder)
    await expect(installWheel(false, say)).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE', fix: expect.stringContaining('python3-venv') })
    expect(readdirSync(join(folder, 'cache'))).toEqual([])
  })

  it.each([
    ['/no/such/compiler', /no C\+\+ compiler/],
    ['false', /does not compile against TensorFlow 9\.9/],
  ])('says what is wrong with the compiler %s, and leaves no binding', async (compiler, message) => {
    tfjsNode()
    vi.stubEnv('CXX', compiler)
    const found = await findPackage(false, say)
    await expect(compileBinding(found, { version: '9.9', folder })).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringMatching(message),
    })
    expect(readdirSync(join(found.folder, 'lib/napi-v8'))).toEqual([])
  })
})
