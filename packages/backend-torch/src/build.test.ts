import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { addonFile, buildAddon } from './build.js'
import type { LibTorch } from './locate.js'

const torch: LibTorch = { origin: 'test', version: '9.9', include: '/nowhere', lib: '/nowhere', cxx11Abi: true, cuda: false, cxx: 17 }

describe('buildAddon', () => {
  let cache: string
  beforeEach(() => {
    cache = mkdtempSync(join(tmpdir(), 'cache-'))
    vi.stubEnv('UNIDIAG_CACHE', cache)
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    rmSync(cache, { recursive: true })
  })

  it('takes what is there', async () => {
    writeFileSync(addonFile(torch), 'addon')
    writeFileSync(`${addonFile(torch)}.sha256`, createHash('sha256').update('addon').digest('hex'))
    expect(await buildAddon(torch)).toBe(addonFile(torch))
  })

  it('builds anew what is damaged', async () => {
    vi.stubEnv('CXX', 'false')
    writeFileSync(addonFile(torch), 'add')
    writeFileSync(`${addonFile(torch)}.sha256`, createHash('sha256').update('addon').digest('hex'))
    await expect(buildAddon(torch)).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
  })

  it('clears away what a killed builder left', async () => {
    vi.stubEnv('CXX', 'false')
    mkdirSync(`${addonFile(torch)}.build-abc`)
    await expect(buildAddon(torch)).rejects.toThrow()
    expect(readdirSync(cache)).toEqual([])
  })

  it('has another file for another version, place or ABI', () => {
    const others: LibTorch[] = [torch, { ...torch, version: '9.8' }, { ...torch, lib: '/elsewhere' }, { ...torch, cxx11Abi: false }, { ...torch, cxx: 20 }]
    expect(new Set(others.map(addonFile)).size).toBe(others.length)
  })

  it('says that there is no compiler, and leaves nothing behind', async () => {
    vi.stubEnv('CXX', '/no/such/compiler')
    await expect(buildAddon(torch)).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: 'there is no C++ compiler (g++)',
      fix: expect.stringMatching(/apt/),
    })
    expect(readdirSync(cache)).toEqual([])
  })

  it('says that the compiler fails, with its words', async () => {
    vi.stubEnv('CXX', 'false')
    await expect(buildAddon(torch)).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      message: expect.stringMatching(/does not compile against libtorch 9\.9/),
    })
    expect(readdirSync(cache)).toEqual([])
  })
})
