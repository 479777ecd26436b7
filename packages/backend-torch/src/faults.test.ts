import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { torchHere, whyNot } from './test-support/torch-here.js'

// Imported by package name, in processes of their own: a library is loaded once a process, and a fault may end it.
const load = (root: string) => `import { loadAddon } from '@unidiag/backend-torch/load'
  const { addon } = await loadAddon(${JSON.stringify(root)}).catch((error) => {
    console.log(JSON.stringify({ code: error.code, message: error.message, fix: error.fix }))
    process.exit(0)
  })
  console.log(JSON.stringify({ cuda: addon.hasCuda() }))`

describe('faults of libtorch', () => {
  const folder = mkdtempSync(join(tmpdir(), 'faults-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const cache = join(folder, 'cache')
  const options = { cwd: import.meta.dirname, env: { ...process.env, UNIDIAG_CACHE: cache } }

  async function loading(root: string): Promise<{ code?: string; message: string; fix: string; cuda?: boolean }> {
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', load(root)], options)
    return JSON.parse(stdout.trim().split('\n').at(-1)!)
  }

  it('a builder that is killed leaves nothing that is loaded, and the next one builds', async () => {
    const root = join(folder, 'any')
    mkdirSync(join(root, 'include/ATen/core'), { recursive: true })
    mkdirSync(join(root, 'lib'))
    writeFileSync(join(root, 'include/ATen/core/Tensor.h'), '')
    writeFileSync(join(root, 'lib/libtorch_cpu.so'), '')
    const compiler = join(folder, 'slow')
    // Writes half an addon where it was told to, then hangs.
    writeFileSync(compiler, '#!/bin/sh\nfor last; do :; done\nprintf half > "$last"\necho > "$STARTED"\nexec sleep 60\n')
    chmodSync(compiler, 0o755)
    const started = join(folder, 'started')
    const env = { ...options.env, CXX: compiler, STARTED: started }
    const builder = spawn(process.execPath, ['--input-type=module', '--eval', load(root)], { ...options, env, stdio: 'ignore', detached: true })
    while (!existsSync(started)) await new Promise((done) => setTimeout(done, 20))
    process.kill(-builder.pid!, 'SIGKILL')
    await once(builder, 'exit')
    expect(readdirSync(cache).filter((name) => name.endsWith('.node'))).toEqual([])
    expect(readdirSync(cache).some((name) => name.includes('.build-'))).toBe(true)
    // It waits for no one, and clears up; the header is empty, so it does not compile.
    expect(await loading(root)).toMatchObject({ code: 'BACKEND_UNAVAILABLE', message: expect.stringContaining('does not compile') })
    expect(readdirSync(cache)).toEqual([])
  })

  describe.skipIf(!torchHere)(`that is here${whyNot}`, () => {
    /** The same libtorch at another place, said to be of another ABI or with a library left out. */
    function copy(name: string, { cmake, without }: { cmake?: string; without?: string }): string {
      const root = join(folder, name)
      mkdirSync(join(root, 'lib'), { recursive: true })
      symlinkSync(torchHere!.include, join(root, 'include'))
      for (const library of readdirSync(torchHere!.lib)) if (library !== without) symlinkSync(join(torchHere!.lib, library), join(root, 'lib', library))
      if (cmake !== undefined) {
        mkdirSync(join(root, 'share/cmake/Torch'), { recursive: true })
        writeFileSync(join(root, 'share/cmake/Torch/TorchConfig.cmake'), cmake)
      }
      return root
    }

    // Both compile the addon twice.
    const timeout = 600_000

    it('of the other ABI is refused when it is loaded', { timeout }, async () => {
      const abi = torchHere!.cxx11Abi ? 0 : 1
      const told = await loading(copy('abi', { cmake: `-D_GLIBCXX_USE_CXX11_ABI=${abi}` }))
      expect(told).toMatchObject({ code: 'BACKEND_UNAVAILABLE', message: expect.stringMatching(/does not load: .*undefined symbol/), fix: expect.any(String) })
    })

    it('without one of its libraries is refused', { timeout }, async () => {
      const root = copy('whole', {})
      expect(await loading(root)).toHaveProperty('cuda')
      for (const library of readdirSync(join(root, 'lib'))) if (library.startsWith('libc10')) rmSync(join(root, 'lib', library))
      expect(await loading(root)).toMatchObject({ code: 'BACKEND_UNAVAILABLE', message: expect.stringContaining('c10') })
    })

    describe('that is started', () => {
      beforeAll(async () => {
        const { startTorch } = await import('./backend.js')
        await startTorch({ threads: 1 })
      })

      it('has no such operator', async () => {
        const { aten, has } = await import('./aten.js')
        expect(has('no_such_operator')).toBe(false)
        expect(() => aten('no_such_operator')()).toThrow('no_such_operator')
      })

      it('refuses dtypes that an operator or a kernel does not have', async () => {
        const { engine, tensor } = await import('@tensorflow/tfjs-core')
        const { aten, upload } = await import('./aten.js')
        const x = upload(Float32Array.of(1), [1], 6)
        expect(() => aten('bitwise_and.Tensor')(x, x)).toThrow(/^aten::bitwise_and.*Float\[1\].*not implemented for 'Float'/)
        const backend = engine().backend as unknown as { of(info: object): unknown }
        expect(() => backend.of(tensor(['a']))).toThrow(/does not take strings/)
      })

      it('says what was asked for when there is no memory for it', async () => {
        const { zeros } = await import('@tensorflow/tfjs-core')
        const { aten } = await import('./aten.js')
        expect(() => zeros([2 ** 40, 2 ** 12])).toThrow()
        expect(() => aten('empty.memory_format')([2 ** 40, 2 ** 12])).toThrow(
          expect.objectContaining({ code: 'OUT_OF_MEMORY', message: expect.stringContaining('aten::empty') }),
        )
      })
    })
  })
})
