import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { installFolder } from './install-folder.js'

describe('installFolder', () => {
  let cache: string
  beforeEach(() => {
    cache = mkdtempSync(join(tmpdir(), 'cache-'))
    vi.stubEnv('UNIDIAG_CACHE', cache)
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    rmSync(cache, { recursive: true })
  })

  const write = (text: string) => (folder: string) => {
    expect(existsSync(join(cache, 'engine', 'file')) && readFileSync(join(cache, 'engine', 'file'), 'utf8')).not.toBe(text)
    writeFileSync(join(folder, 'file'), text)
    return Promise.resolve()
  }
  const installed = () => readFileSync(join(cache, 'engine', 'file'), 'utf8')

  it('installs, and replaces what was there', async () => {
    expect(await installFolder('engine', write('one'))).toBe(join(cache, 'engine'))
    await installFolder('engine', write('two'))
    expect([installed(), readdirSync(cache)]).toEqual(['two', ['engine']])
  })

  it('keeps what was there when it fails', async () => {
    await installFolder('engine', write('one'))
    await expect(installFolder('engine', () => Promise.reject(new Error('no network')))).rejects.toThrow('no network')
    expect([installed(), readdirSync(cache)]).toEqual(['one', ['engine']])
  })

  it('leaves nothing that is taken for good when it is killed, and starts anew', async () => {
    // Imported by package name: the process loads the built module.
    const script = `import { installFolder } from '@unidiag/core/cache/install-folder'
      import { writeFileSync } from 'node:fs'
      await installFolder('engine', async (folder) => {
        writeFileSync(folder + '/file', 'half')
        console.log('begun')
        await new Promise((done) => setTimeout(done, 60_000))
      })`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(readdirSync(cache).filter((name) => name === 'engine')).toEqual([])
    expect(readdirSync(cache).some((name) => name.startsWith('engine.part-'))).toBe(true)
    await installFolder('engine', write('whole'))
    expect([installed(), readdirSync(cache)]).toEqual(['whole', ['engine']])
  })
})
