import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { chooseWaiting, othersRunning } from './waiting.js'

describe('how threads wait', () => {
  beforeEach(() => {
    vi.stubEnv('OMP_WAIT_POLICY', undefined)
    vi.stubEnv('GOMP_SPINCOUNT', undefined)
  })
  afterEach(() => {
    vi.unstubAllEnvs()
  })
  const chosen = () => process.env.GOMP_SPINCOUNT

  it('reads what runs beside this process', () => {
    expect(othersRunning('1.85 2.37 2.07 4/78 8469\n')).toBe(3)
    expect(othersRunning('0.00 0.01 0.05 1/512 99\n')).toBe(0)
    expect(othersRunning('something else')).toBe(0)
  })

  it('is short where there is not a processor for every thread, and else left to OpenMP', async () => {
    await chooseWaiting(1, 10_000)
    expect(chosen()).toBeUndefined()
    await chooseWaiting(2, 1)
    expect(chosen()).toBe('1000')
  })

  it('is what the environment says', async () => {
    vi.stubEnv('GOMP_SPINCOUNT', '7')
    await chooseWaiting(2, 1)
    expect(chosen()).toBe('7')
    vi.stubEnv('GOMP_SPINCOUNT', undefined)
    vi.stubEnv('OMP_WAIT_POLICY', 'active')
    await chooseWaiting(2, 1)
    expect(chosen()).toBeUndefined()
  })
})
