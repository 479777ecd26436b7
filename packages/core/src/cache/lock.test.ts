import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { locked } from './lock.js'

describe('locked', () => {
  const root = mkdtempSync(join(tmpdir(), 'lock-'))
  afterAll(() => rmSync(root, { recursive: true }))

  it('lets one in at a time', async () => {
    const file = join(root, 'one')
    let inside = 0
    const most: number[] = []
    const work = () =>
      locked(file, async () => {
        most.push(++inside)
        await sleep(20)
        inside--
      })
    await Promise.all([work(), work(), work()])
    expect(most).toEqual([1, 1, 1])
    expect(existsSync(file)).toBe(false)
  })

  it('takes over from a process that was killed', async () => {
    const file = join(root, 'two')
    // Beyond the largest process id that Linux gives.
    writeFileSync(file, String(2 ** 22 + 1))
    expect(await locked(file, async () => 'done')).toBe('done')
  })

  it('is free again after a failure', async () => {
    const file = join(root, 'three')
    await expect(locked(file, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(existsSync(file)).toBe(false)
  })
})
