import { z } from 'zod'
import { definePlugin, type PluginFactory } from '../plugin.js'
import { type Token, token } from '../token.js'
import { backendNames } from './engines.js'
import { type StartedBackend, startBackend } from './start.js'

export { type BackendProbe, probeBackends } from './probe.js'
export { type StartedBackend, startBackend } from './start.js'

/** The tfjs engine of the process. */
export type Backend = StartedBackend
export const Backend: Token<Backend> = token<Backend>('Backend', { fallback: () => backend() })

const options = z.strictObject({
  /** `auto` takes the first that loads: torch-gpu, tensorflow-gpu, torch, tensorflow, webgpu (on a GPU), wasm, cpu. */
  name: z.enum(['auto', ...backendNames]).default('auto'),
  /** Threads of the torch and tensorflow engines; all cores when left out. */
  threads: z.int().positive().optional(),
  /** `bf16`: matrix products and attention in bfloat16, with float32 weights and sums; the torch engines only. */
  precision: z.enum(['f32', 'bf16']).default('f32'),
})

/** Chooses the tfjs engine that everything in the process computes with. */
export const backend: PluginFactory<Backend, typeof options> = definePlugin({
  name: '@unidiag/core/backend/backend',
  provides: Backend,
  options,
  setup: ({ options }) => startBackend(options.name, { threads: options.threads, precision: options.precision }),
})
