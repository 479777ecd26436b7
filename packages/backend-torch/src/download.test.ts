import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Addon } from './addon.js'
import { useAddon } from './aten.js'
import { downloadBehind } from './download.js'
import { FLOAT32, INT32, INT64 } from './dtypes.js'
import { TorchData } from './torch-data.js'

// Stands for an addon whose device takes its time: a copy is there when it is asked for the third time.
const log: string[] = []
let asked = 0
const slow = {
  share: () => {},
  operator: () => 0,
  call: (_: number, handle: number, code: number) => {
    log.push(`${handle} as ${code}`)
    return handle + 1
  },
  shape: () => [INT32, 2],
  release: (handle: number) => void log.push(`released ${handle}`),
  queueRead: (handle: number) => {
    log.push(`queued ${handle}`)
    return 100 + handle
  },
  takeRead: (read: number) => (++asked % 3 === 0 ? (read === 101 ? Float32Array.of(1.5, -2) : Int32Array.of(3, -4)).buffer : undefined),
}

beforeAll(() => useAddon(slow as unknown as Addon))
afterAll(() => void log.splice(0))

it('queues the copy at once, and gives way until it is there', async () => {
  let turns = 0
  const timer = setInterval(() => turns++, 0)
  const promise = downloadBehind(new TorchData(1, [2], FLOAT32))
  expect(log.splice(0)).toEqual(['queued 1'])
  expect([asked, turns]).toEqual([1, 0])
  expect(await promise).toEqual(Float32Array.of(1.5, -2))
  clearInterval(timer)
  expect(asked).toBe(3)
})

it('reads what tfjs has no dtype for in the nearest, and holds nothing', async () => {
  const promise = downloadBehind(new TorchData(6, [2], INT64))
  expect(log.splice(0)).toEqual([`6 as ${INT32}`, 'queued 7', 'released 7'])
  expect(await promise).toEqual(Int32Array.of(3, -4))
})
