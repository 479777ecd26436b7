import { keep, type Tensor, tensor } from '@tensorflow/tfjs-core'
import { UniDiagError } from '../errors.js'
import { native } from '../ops/fused.js'
import type { Random, Rng } from '../random.js'
import { token } from '../token.js'
import { type Layout, toFile, toMemory } from './layout.js'

/** Values of a new parameter, `size` of them. */
export type Init = (rng: Rng, size: number) => Float32Array

/** N(0, std^2). */
export const normal =
  (std: number): Init =>
  (rng, size) =>
    rng.normals(size).map((x) => x * std)
/** U(-bound, bound). */
export const uniform =
  (bound: number): Init =>
  (rng, size) =>
    rng.uniforms(size).map((x) => (2 * x - 1) * bound)
export const zeros: Init = (_, size) => new Float32Array(size)
export const ones: Init = (_, size) => new Float32Array(size).fill(1)
/** A fixed table. */
export const fixed =
  (values: Float32Array): Init =>
  () =>
    values

/** A new value of a parameter. Drawing it takes a while in large models, which a backend that computes no values is spared. */
export function drawValue(shape: readonly number[], init: Init, rng: Rng): Tensor {
  const size = shape.reduce((a, b) => a * b, 1)
  return native('UniDiagParameter', {}, { shape: shape as number[] })?.[0] ?? tensor(init(rng, size), shape as number[], 'float32')
}

export interface FileTensor {
  readonly shape: readonly number[]
  readonly data: Float32Array
}

export interface ParameterOptions {
  /** How the file layout (PyTorch's) differs from memory; `plain` when left out. */
  readonly layout?: Layout
  /** False for fixed tables. */
  readonly trainable?: boolean
  /** Turns a checkpoint's tensor of another shape into this one (bicubic position tables); else a mismatch is an error. */
  readonly adapt?: (stored: FileTensor) => FileTensor
}

/** A named tensor of the model. `value` is owned by the store and replaced as a whole by `assign`. */
export class Parameter {
  readonly name: string
  readonly shape: readonly number[]
  readonly layout: Layout
  readonly adapt: ((stored: FileTensor) => FileTensor) | undefined
  /** Draws values of this kind anew (a teacher that starts from another random draw). */
  readonly init: Init
  /** Frozen parameters get no gradient. */
  trainable: boolean
  value: Tensor

  constructor(name: string, value: Tensor, init: Init, options: ParameterOptions) {
    this.name = name
    this.init = init
    this.value = keep(value)
    this.shape = value.shape
    this.layout = options.layout ?? 'plain'
    this.trainable = options.trainable ?? true
    this.adapt = options.adapt
  }

  /** Takes ownership of `next` and disposes the old value. */
  assign(next: Tensor): void {
    const old = this.value
    this.value = keep(next)
    if (old !== next) old.dispose()
  }
}

/** What a load did, by parameter name. */
export interface LoadReport {
  readonly loaded: readonly string[]
  /** In the model, not in the file. */
  readonly missing: readonly string[]
  /** In the file, not in the model. */
  readonly unused: readonly string[]
  readonly adapted: readonly string[]
}

/** Every parameter of a pipeline, by its name in the reference's state dict. Weights of linear layers are `[in, out]` in memory, `[out, in]` in files. */
export class Parameters {
  readonly #random: Random
  readonly #byName = new Map<string, Parameter>()

  constructor(random: Random) {
    this.#random = random
  }

  /** Makes a parameter; its values depend on the seed and the name only, not on the order of creation. */
  create(name: string, shape: readonly number[], init: Init, options: ParameterOptions = {}): Parameter {
    if (this.#byName.has(name)) throw new UniDiagError('PLUGIN_DUPLICATE', `two parts of the model own a parameter called ${name}`)
    const parameter = new Parameter(name, drawValue(shape, init, this.#random.rng('init', name)), init, options)
    this.#byName.set(name, parameter)
    return parameter
  }

  get(name: string): Parameter {
    const found = this.#byName.get(name)
    if (!found) throw new UniDiagError('CHECKPOINT_MISMATCH', `the model has no parameter called ${name}`)
    return found
  }

  has(name: string): boolean {
    return this.#byName.has(name)
  }

  /** In order of creation. */
  all(): readonly Parameter[] {
    return [...this.#byName.values()]
  }

  trainable(): readonly Parameter[] {
    return this.all().filter((p) => p.trainable)
  }

  /**
   * Loads values in file layout. Every shape is checked before anything changes.
   * @param strict also fail when the model has parameters that the file lacks
   * @throws UniDiagError CHECKPOINT_MISMATCH
   */
  load(stored: ReadonlyMap<string, FileTensor>, { strict = false, from = 'the checkpoint' }: { strict?: boolean; from?: string } = {}): LoadReport {
    const faults: string[] = []
    const adapted: string[] = []
    const next = new Map<Parameter, Float32Array>()
    for (const parameter of this.#byName.values()) {
      const file = stored.get(parameter.name)
      if (!file) continue
      const expected = toFile(parameter.layout, parameter.shape).shape
      let fitting = file
      if (!sameShape(file.shape, expected) && parameter.adapt) {
        fitting = parameter.adapt(file)
        adapted.push(parameter.name)
      }
      if (sameShape(fitting.shape, expected)) next.set(parameter, toMemory(parameter.layout, parameter.shape, fitting.data))
      else faults.push(`${parameter.name}: ${from} has [${file.shape}], the model [${expected}]`)
    }
    const missing = this.all()
      .filter((p) => !stored.has(p.name))
      .map((p) => p.name)
    if (strict) faults.push(...missing.map((name) => `${name}: not in ${from}`))
    if (next.size === 0 && this.#byName.size > 0 && faults.length === 0) faults.push(`${from} holds no parameter of this model`)
    if (faults.length > 0) {
      const shown = faults.slice(0, 8).join('\n  ')
      throw new UniDiagError(
        'CHECKPOINT_MISMATCH',
        `${from} does not fit the model (${faults.length} fault${faults.length === 1 ? '' : 's'}):\n  ${shown}${faults.length > 8 ? `\n  and ${faults.length - 8} more` : ''}`,
      )
    }
    for (const [parameter, values] of next) parameter.assign(tensor(values, parameter.shape as number[], 'float32'))
    return { loaded: [...next.keys()].map((p) => p.name), missing, unused: [...stored.keys()].filter((name) => !this.#byName.has(name)), adapted }
  }

  /** Values in file layout, copied to the host. */
  export(values: (p: Parameter) => Tensor | undefined = (p) => p.value): Map<string, FileTensor> {
    const out = new Map<string, FileTensor>()
    for (const parameter of this.#byName.values()) {
      const value = values(parameter)
      if (value) out.set(parameter.name, toFile(parameter.layout, parameter.shape, value.dataSync() as Float32Array))
    }
    return out
  }

  /** Runs `f` while the named parameters have other values (the caller keeps those). */
  withValues<T>(values: ReadonlyMap<string, Tensor>, f: () => T): T {
    const own = new Map<Parameter, Tensor>()
    try {
      for (const [name, value] of values) {
        const parameter = this.get(name)
        own.set(parameter, parameter.value)
        parameter.value = value
      }
      return f()
    } finally {
      for (const [parameter, value] of own) parameter.value = value
    }
  }

  dispose(): void {
    for (const parameter of this.#byName.values()) parameter.value.dispose()
    this.#byName.clear()
  }
}

const sameShape = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((x, i) => x === b[i])

/** The parameter store of a pipeline. */
export const ParameterStore = token<Parameters>('Parameters')
