import { existsSync, readdirSync } from 'node:fs'
import { setImmediate as later } from 'node:timers'
import { SoftwareAdapter } from './diagnose.js'
import type { Importer } from './engines.js'

/** What is known of an adapter before a device is made. */
export interface AdapterInfo {
  readonly description: string
  readonly vendor: string
  /** Computed on the processor, as by Mesa's lavapipe. */
  readonly isFallbackAdapter: boolean
}

interface Adapter {
  readonly info: AdapterInfo
}

type Globals = Record<string, { readonly prototype: Record<string, (...args: unknown[]) => unknown> }>

interface DawnPackage {
  create(options: readonly string[]): { requestAdapter(options: { powerPreference: string }): Promise<Adapter | null> }
  // Its classes are changed once a process, whatever copy of this module does it.
  readonly globals: Globals & { [ticksOf]?: DawnTicks }
}

const ticksOf = Symbol.for('unidiag.dawn-ticks')

/** A running Dawn: WebGPU outside a browser. */
export interface Dawn {
  /** The adapter that tfjs will take; undefined where there is none. */
  readonly adapter: AdapterInfo | undefined
  /** Lets Dawn finish what it was asked for, without returning to the event loop, until `done()`. */
  finish(done: () => boolean): void
}

// What gives a promise, which Dawn fulfils in ticks.
const asynchronous: Readonly<Record<string, readonly string[]>> = {
  GPU: ['requestAdapter'],
  GPUAdapter: ['requestDevice'],
  GPUBuffer: ['mapAsync'],
  GPUDevice: ['createComputePipelineAsync', 'createRenderPipelineAsync', 'popErrorScope'],
  GPUQueue: ['onSubmittedWorkDone'],
  GPUShaderModule: ['getCompilationInfo'],
}

const PAUSE_MS = 0.05

/** Whether there is a device that a GPU's driver would open; known on Linux only. */
const mayHaveGpu = (): boolean =>
  process.platform !== 'linux' ||
  ['/dev/nvidia0', '/dev/dxg'].some((device) => existsSync(device)) ||
  (existsSync('/dev/dri') && readdirSync('/dev/dri').some((device) => device.startsWith('renderD')))

/**
 * Starts the npm package `webgpu` and puts its globals where tfjs looks for them. Throws what loading it throws.
 * @param hardwareOnly do not even ask where there can be no GPU: Dawn complains on stderr
 */
export async function startDawn(load: Importer, hardwareOnly = false): Promise<Dawn> {
  const { create, globals } = (await load('webgpu')) as DawnPackage
  if (hardwareOnly && !mayHaveGpu()) throw new SoftwareAdapter('the processor')
  globals[ticksOf] ??= new DawnTicks(globals)
  const ticks = globals[ticksOf]
  Object.assign(globalThis, globals)
  // Node has `navigator` since 21.
  const host = globalThis as { navigator?: object }
  host.navigator ??= {}
  const gpu = create([])
  Object.defineProperty(host.navigator, 'gpu', { value: gpu, configurable: true })
  // As tfjs asks.
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
  return { adapter: adapter?.info, finish: (done) => ticks.finish(done) }
}

/**
 * Dawn does its waiting in ticks, for which it calls the global `setImmediate` while one of its functions runs. Kept here, they run from the
 * event loop as they would, or at once when a result has to be read without returning to it.
 */
class DawnTicks {
  readonly #waiting = new Set<() => void>()
  readonly #sleeper = new Int32Array(new SharedArrayBuffer(4))

  constructor(globals: Globals) {
    const ticks = this
    for (const [type, methods] of Object.entries(asynchronous))
      for (const method of methods) {
        const prototype = globals[type]?.prototype
        const original = prototype?.[method]
        if (!prototype || !original) continue
        prototype[method] = function (...args) {
          return ticks.#inside(() => original.apply(this, args))
        }
      }
  }

  finish(done: () => boolean): void {
    while (!done()) {
      if (this.#waiting.size === 0) throw new Error('WebGPU stopped before it had finished: its device was lost.')
      for (const tick of [...this.#waiting]) this.#run(tick)
      if (!done()) Atomics.wait(this.#sleeper, 0, 0, PAUSE_MS)
    }
  }

  #inside<R>(f: () => R): R {
    const own = globalThis.setImmediate
    const keep = (tick: () => void): void => {
      this.#waiting.add(tick)
      later(() => this.#run(tick))
    }
    globalThis.setImmediate = keep as unknown as typeof setImmediate
    try {
      return f()
    } finally {
      globalThis.setImmediate = own
    }
  }

  #run(tick: () => void): void {
    if (this.#waiting.delete(tick)) this.#inside(tick)
  }
}
