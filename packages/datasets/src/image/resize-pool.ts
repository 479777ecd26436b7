import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import type { Picture } from './picture.js'
import type { Geometry } from './resample.js'

export interface ResizeJob {
  readonly job: number
  readonly picture: Picture
  readonly geometry: Geometry
}

export interface ResizeResult {
  readonly job: number
  readonly pixels: Uint8Array
}

interface Waiting {
  resolve(pixels: Uint8Array): void
  reject(error: unknown): void
}

/** One thread and the jobs it was sent. */
interface Thread {
  readonly worker: Worker
  readonly jobs: Map<number, Waiting>
}

/** Resizes pictures in a few threads. Threads start when first needed and never keep a process alive on their own. */
export class ResizePool {
  readonly #size: number
  readonly #threads: Thread[] = []
  #jobs = 0
  #closed = false

  constructor(size: number) {
    this.#size = size
  }

  /** Takes ownership of the picture's pixels. @returns `[size, size, channels]` */
  resize(picture: Picture, geometry: Geometry): Promise<Uint8Array> {
    if (this.#closed) return Promise.reject(new Error('the image loader is closed'))
    const thread = this.#leastBusy()
    const job = this.#jobs++
    return new Promise((resolve, reject) => {
      thread.jobs.set(job, { resolve, reject })
      thread.worker.ref()
      // A view of a larger buffer would take its neighbours along, so that one is copied.
      const own = picture.data.byteLength === picture.data.buffer.byteLength ? picture.data : picture.data.slice()
      const message: ResizeJob = { job, picture: { ...picture, data: own }, geometry }
      thread.worker.postMessage(message, [own.buffer as ArrayBuffer])
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#threads.splice(0).map(({ worker }) => worker.terminate()))
  }

  #leastBusy(): Thread {
    const idlest = this.#threads.reduce<Thread | undefined>((best, thread) => (best && best.jobs.size <= thread.jobs.size ? best : thread), undefined)
    if (idlest && (idlest.jobs.size === 0 || this.#threads.length >= this.#size)) return idlest
    return this.#start()
  }

  #start(): Thread {
    // By its public name: also when this file runs from source, the thread gets the built file.
    const worker = new Worker(createRequire(import.meta.url).resolve('@unidiag/datasets/image-worker'))
    const thread: Thread = { worker, jobs: new Map() }
    worker.unref()
    worker.on('message', ({ job, pixels }: ResizeResult) => {
      thread.jobs.get(job)?.resolve(pixels)
      thread.jobs.delete(job)
      if (thread.jobs.size === 0) worker.unref()
    })
    const fail = (error: Error): void => {
      const at = this.#threads.indexOf(thread)
      if (at >= 0) this.#threads.splice(at, 1)
      for (const waiting of thread.jobs.values()) waiting.reject(error)
      thread.jobs.clear()
    }
    worker.on('error', fail)
    worker.on('exit', () => fail(new Error('a resize thread stopped')))
    this.#threads.push(thread)
    return thread
  }
}
