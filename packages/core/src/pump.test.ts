import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { firstValueFrom, lastValueFrom, take, toArray } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { prefetch, pump } from './pump.js'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void
const later = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms))

/** A source that knows how many of its items were made and are not done with. */
class Source {
  readonly #made: WeakRef<object>[] = []
  readonly #n: number
  readonly #failAt: number
  #done = 0
  returned = 0
  /** Largest number of items that waited or were in a step at once. */
  most = 0

  constructor(n: number, failAt = Number.POSITIVE_INFINITY) {
    this.#n = n
    this.#failAt = failAt
  }

  get made(): number {
    return this.#made.length
  }

  /** To be called when the step of an item ends. */
  done(): void {
    this.#done++
  }

  /** Items that are still held; an item that is not given up within two seconds is a leak. */
  async leaked(): Promise<number> {
    for (let attempt = 0; ; attempt++) {
      // A collector may keep what it marked before, and a WeakRef its target until the current job ends.
      await later(attempt)
      gc()
      const held = this.#made.filter((ref) => ref.deref() !== undefined).length
      if (held === 0 || attempt > 60) return held
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<{ index: number }> {
    try {
      for (let index = 0; index < this.#n; index++) {
        if (index === this.#failAt) throw new Error('broken source')
        yield this.#make(index)
      }
    } finally {
      this.returned++
    }
  }

  #make(index: number): { index: number } {
    const item = { index, payload: new Float32Array(16) }
    this.#made.push(new WeakRef(item))
    this.most = Math.max(this.most, this.made - this.#done)
    return item
  }
}

describe('pump', () => {
  it.each([0, 1, 3])('holds at most ahead + 1 items (ahead = %i) and none at the end', async (ahead) => {
    const source = new Source(12)
    const step = async ({ index }: { index: number }) => {
      await later(2)
      source.done()
      return index
    }
    expect(await lastValueFrom(pump(source, step, { ahead }).pipe(toArray()))).toEqual([...Array(12).keys()])
    expect(source.most).toBe(ahead + 1)
    expect(source.returned).toBe(1)
    expect(await source.leaked()).toBe(0)
  })

  it('runs one step at a time, in order', async () => {
    let running = 0
    const step = async ({ index }: { index: number }) => {
      expect(++running).toBe(1)
      await later(index % 2)
      running--
      return index
    }
    await lastValueFrom(pump(new Source(6), step, { ahead: 2 }))
  })

  it('is cold', async () => {
    const source = new Source(3)
    const events = pump(source, (item) => item.index, { ahead: 1 })
    await later()
    expect(source.made).toBe(0)
    await lastValueFrom(events)
    expect(source.made).toBe(3)
  })

  it('take(n) pulls no more than it needs, ends the source and leaks nothing', async () => {
    const source = new Source(100)
    const got = await lastValueFrom(pump(source, (item) => item.index, { ahead: 1 }).pipe(take(3), toArray()))
    expect(got).toEqual([0, 1, 2])
    await later(5)
    expect(source.made).toBeLessThanOrEqual(4)
    expect(source.returned).toBe(1)
    expect(await source.leaked()).toBe(0)
  })

  it('an error in a step ends the source and leaks nothing', async () => {
    const source = new Source(100)
    const step = ({ index }: { index: number }) => {
      if (index === 2) throw new Error('broken step')
      return index
    }
    await expect(lastValueFrom(pump(source, step, { ahead: 3 }))).rejects.toThrow('broken step')
    expect(source.returned).toBe(1)
    expect(await source.leaked()).toBe(0)
  })

  it('an error in the source arrives after the items before it, even when pulled ahead', async () => {
    const source = new Source(100, 4)
    const seen: number[] = []
    const events = pump(source, (item) => item.index, { ahead: 3 })
    await expect(new Promise((resolve, reject) => events.subscribe({ next: (i) => seen.push(i), error: reject, complete: () => resolve(0) }))).rejects.toThrow(
      'broken source',
    )
    expect(seen).toEqual([0, 1, 2, 3])
    expect(source.returned).toBe(1)
    expect(await source.leaked()).toBe(0)
  })

  it('unsubscribing lets the step finish, takes no further one and leaks nothing', async () => {
    const source = new Source(100)
    const done: number[] = []
    let begun = 0
    const step = async ({ index }: { index: number }) => {
      begun++
      await later(5)
      done.push(index)
      return index
    }
    const emitted: number[] = []
    const subscription = pump(source, step, { ahead: 2 }).subscribe((index) => emitted.push(index))
    while (begun < 3) await later(1)
    subscription.unsubscribe()
    await later(20)
    expect(done).toEqual([0, 1, 2])
    expect(emitted).toEqual([0, 1])
    expect(source.returned).toBe(1)
    expect(await source.leaked()).toBe(0)
  })

  it('an abort signal completes at the step boundary', async () => {
    const source = new Source(100)
    const stop = new AbortController()
    const step = ({ index }: { index: number }) => {
      if (index === 5) stop.abort()
      return index
    }
    expect(await lastValueFrom(pump(source, step, { ahead: 2, signal: stop.signal }))).toBe(5)
    expect(source.returned).toBe(1)
    expect(await source.leaked()).toBe(0)
  })

  it('lets the event loop turn between steps that block the thread', async () => {
    let turns = 0
    const timer = setInterval(() => turns++, 0)
    await lastValueFrom(pump(new Source(5), () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5), { ahead: 0 }))
    clearInterval(timer)
    expect(turns).toBeGreaterThanOrEqual(4)
  })

  it('of an empty source completes', async () => {
    await expect(firstValueFrom(pump(new Source(0), (x) => x, { ahead: 1 }))).rejects.toThrow('no elements')
  })
})

describe('prefetch', () => {
  it('prepares the next items while the consumer is busy', async () => {
    const source = new Source(10)
    for await (const { index } of prefetch(source, 2)) {
      const expected = Math.min(10, index + 3)
      while (source.made < expected) await later(1)
      await later(5)
      expect(source.made).toBe(expected)
    }
  })
})
