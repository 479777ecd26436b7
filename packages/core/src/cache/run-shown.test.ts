import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { runShown } from './run-shown.js'

describe('runShown', () => {
  let shown = ''
  beforeEach(() => {
    shown = ''
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      shown += text
      return true
    })
  })
  afterEach(() => vi.restoreAllMocks())

  const node = (script: string, options = {}) => runShown(process.execPath, ['-e', script], options)

  it('shows what the program prints', async () => {
    await node('console.log("working"); console.error("still")')
    expect(shown).toMatch(/working/)
    expect(shown).toMatch(/still/)
  })

  it('tells how it failed, with its last words', async () => {
    await expect(node('for (let i = 0; i < 20; i++) console.log("line " + i); process.exit(3)')).rejects.toMatchObject({
      code: 3,
      message: expect.stringMatching(/ended with 3: line 14\n(.*\n)*line 19$/),
    })
    await expect(runShown('/no/such/program', [])).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(node('setTimeout(() => {}, 60_000)', { timeout: 100 })).rejects.toMatchObject({ code: 'SIGTERM' })
  })
})
