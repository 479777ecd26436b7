import { type DataType, engine, KernelBackend, registerBackend, registerKernel, setBackend, type TensorInfo, util } from '@tensorflow/tfjs-core'
import { registerMatMulGradient } from '@unidiag/core/backend/matmul-gradient'
import { layerShapes } from './layer-shapes.js'
import { operatorShapes } from './operator-shapes.js'

/** What a kernel makes. */
export interface Made {
  readonly shape: readonly number[]
  /** float32 when left out. */
  readonly dtype?: DataType
  /** The tensor whose memory it shares. */
  readonly of?: TensorInfo
  /** Floating-point operations of the kernel's matrix products, a multiply-add being two. */
  readonly flops?: number
}

export type Inputs = Readonly<Record<string, TensorInfo>>
// biome-ignore lint/suspicious/noExplicitAny: attributes are of every type
export type Attributes = Readonly<Record<string, any>>

/** What comes out of a kernel, told from the shapes of what goes in. */
export type ShapeKernel = (inputs: Inputs, attrs: Attributes) => Made | readonly Made[]

/** Whose matrix products: of passes that gradients go back through, of passes without gradients (the teacher's), and of the way back. */
export type Pass = 'recorded' | 'unrecorded' | 'backward'

const NAME = 'shapes'

/** Nobody reads more than the loss and a few sums; a checkpoint, which asks for everything, gets tensors without values. */
const READABLE = 65536

interface Data {
  readonly bytes: number
  readonly size: number
  readonly dtype: DataType
  references: number
}

/**
 * A tfjs engine that computes no values: every operator gives a tensor of the right shape. It counts the arithmetic of matrix products and the bytes
 * that are alive, so that a step of any size runs in no time and no memory. What is read back is 1.
 */
export class ShapeBackend extends KernelBackend {
  readonly flops: Record<Pass, number> = { recorded: 0, unrecorded: 0, backward: 0 }
  readonly #data = new Map<object, Data>()
  #live = 0
  #peak = 0

  /** Bytes of all tensors that are alive. */
  get live(): number {
    return this.#live
  }

  /** The most that were alive since the last `reset`. */
  get peak(): number {
    return this.#peak
  }

  reset(): void {
    this.#peak = this.#live
    Object.assign(this.flops, { recorded: 0, unrecorded: 0, backward: 0 })
  }

  make({ shape, dtype = 'float32', of, flops = 0 }: Made): TensorInfo {
    if (flops > 0) this.flops[pass()] += flops
    if (of) this.incRef(of.dataId)
    return { dataId: of ? of.dataId : this.write(null, [...shape], dtype), shape: [...shape], dtype }
  }

  override write(_: unknown, shape: number[], dtype: DataType): object {
    const id = {}
    const size = util.sizeFromShape(shape)
    const bytes = size * (dtype === 'string' ? 0 : util.bytesPerElement(dtype))
    this.#data.set(id, { bytes, size, dtype, references: 1 })
    this.#live += bytes
    this.#peak = Math.max(this.#peak, this.#live)
    return id
  }

  override incRef(id: object): void {
    this.#of(id).references++
  }

  override refCount(id: object): number {
    return this.#data.get(id)?.references ?? 0
  }

  override disposeData(id: object): boolean {
    const data = this.#of(id)
    if (--data.references > 0) return false
    this.#live -= data.bytes
    this.#data.delete(id)
    return true
  }

  override readSync(id: object): Float32Array | Int32Array {
    const { size, dtype } = this.#of(id)
    const count = size > READABLE ? 0 : size
    return dtype === 'int32' ? new Int32Array(count).fill(1) : new Float32Array(count).fill(1)
  }

  override async read(id: object): Promise<Float32Array | Int32Array> {
    return this.readSync(id)
  }

  override numDataIds(): number {
    return this.#data.size
  }

  override memory(): { unreliable: boolean } {
    return { unreliable: false }
  }

  override floatPrecision(): 32 {
    return 32
  }

  override dispose(): void {}

  #of(id: object): Data {
    const found = this.#data.get(id)
    if (!found) throw new Error('a tensor is used that has been disposed of, or that belongs to another engine')
    return found
  }
}

interface EngineState {
  readonly state: { readonly gradientDepth: number; readonly scopeStack: readonly { readonly name: string }[] }
}

/** Scopes of the gradient computation have a name (see `walkBack`, and tfjs's own); what is not recorded has its depth set to 0 (see `noGrad`). */
function pass(): Pass {
  const { gradientDepth, scopeStack } = (engine() as unknown as EngineState).state
  if (scopeStack.some(({ name }) => name === 'backward')) return 'backward'
  return gradientDepth > 0 ? 'recorded' : 'unrecorded'
}

let made: ShapeBackend | undefined

/** Makes the engine without values the current one of this process. */
export async function startShapeBackend(): Promise<ShapeBackend> {
  made ??= await register(new ShapeBackend())
  await setBackend(NAME)
  return made
}

async function register(backend: ShapeBackend): Promise<ShapeBackend> {
  registerBackend(NAME, () => backend)
  for (const [kernelName, kernel] of Object.entries({ ...operatorShapes, ...layerShapes }))
    registerKernel({
      kernelName,
      backendName: NAME,
      kernelFunc: ({ inputs, attrs }) => {
        const found = kernel(inputs as Inputs, (attrs ?? {}) as Attributes)
        return Array.isArray(found) ? found.map((one) => backend.make(one)) : backend.make(found as Made)
      },
    })
  await import('@unidiag/core/backend/tfjs-gradients')
  registerMatMulGradient()
  return backend
}
