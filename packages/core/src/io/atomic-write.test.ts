import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { atomicWrite } from './atomic-write.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'unidiag-atomic-'))
})
afterEach(() => rm(folder, { recursive: true }))

describe('atomicWrite', () => {
  it('makes the folder and replaces the file', async () => {
    const file = join(folder, 'a', 'b', 'file')
    for (const text of ['first', 'second']) await atomicWrite(file, (handle) => handle.writeFile(text))
    expect(await readFile(file, 'utf8')).toBe('second')
    expect(await readdir(join(folder, 'a', 'b'))).toEqual(['file'])
  })

  it('keeps the old file, and leaves nothing behind, when writing fails', async () => {
    const file = join(folder, 'file')
    await writeFile(file, 'old')
    const failing = atomicWrite(file, async (handle) => {
      await handle.writeFile('half of the n')
      throw new Error('disk full')
    })
    await expect(failing).rejects.toThrow('disk full')
    expect(await readFile(file, 'utf8')).toBe('old')
    expect(await readdir(folder)).toEqual(['file'])
  })

  it('names the file that the system would not write', async () => {
    await writeFile(join(folder, 'file'), 'old')
    const below = join(folder, 'file', 'below')
    await expect(atomicWrite(below, async () => {})).rejects.toMatchObject({
      code: 'FILE_UNWRITABLE',
      message: expect.stringContaining(`cannot write ${below}: `),
      cause: { code: expect.any(String) },
    })
  })

  it('keeps the old file when the process is killed between write and rename, and recovers', async () => {
    const file = join(folder, 'file')
    await writeFile(file, 'old')
    const script = `
      import { atomicWrite } from ${JSON.stringify(new URL('../../dist/io/atomic-write.js', import.meta.url).href)}
      await atomicWrite(${JSON.stringify(file)}, async (handle) => {
        await handle.writeFile('new')
        process.kill(process.pid, 'SIGKILL')
        await new Promise((resolve) => setTimeout(resolve, 10_000))
      })`
    const { signal } = spawnSync(process.execPath, ['--input-type=module', '-e', script])
    expect(signal).toBe('SIGKILL')
    expect(await readdir(folder)).toContain('file.tmp')
    expect(await readFile(file, 'utf8')).toBe('old')

    await atomicWrite(file, (handle) => handle.writeFile('new'))
    expect(await readFile(file, 'utf8')).toBe('new')
    expect(await readdir(folder)).toEqual(['file'])
  })
})
