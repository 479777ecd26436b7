import { type BackendValues, type DataId, type DataType, engine, KernelBackend, type TensorInfo } from '@tensorflow/tfjs-core'
import { release, theAddon, upload } from './aten.js'
import { download, downloadBehind } from './download.js'
import { BOOL, COMPLEX64, codeOf, FLOAT32, INT32 } from './dtypes.js'
import { StringData } from './string-data.js'
import { TorchData } from './torch-data.js'

export interface OperatorProfile {
  readonly name: string
  readonly calls: number
  readonly seconds: number
}

type Values = Float32Array | Int32Array | Uint8Array

const constructors: Readonly<Record<number, typeof Float32Array | typeof Int32Array | typeof Uint8Array>> = {
  [FLOAT32]: Float32Array,
  [INT32]: Int32Array,
  [BOOL]: Uint8Array,
  [COMPLEX64]: Float32Array,
}

function typed(values: ArrayLike<number>, code: number): Values {
  const type = constructors[code]!
  return values instanceof type ? (values as Values) : type.from(values)
}

/** The tfjs side: who holds which tensor, reading and writing. What is computed is in the kernels. */
export class TorchBackend extends KernelBackend {
  // Data that came from another backend keeps the identity it had there.
  #moved = new WeakMap<DataId, TorchData | StringData>()
  #count = 0

  /** The libtorch tensor of a kernel's input, fetched from another backend where it still is there. */
  of(info: TensorInfo): TorchData {
    const data = this.held(info)
    if (data instanceof TorchData) return data
    throw new Error('This kernel of the torch backend does not take strings.')
  }

  /** As `of`, with strings. */
  held(info: TensorInfo): TorchData | StringData {
    const id = info.dataId
    if (id instanceof TorchData && id.handle !== 0) return id
    return this.#find(id) ?? this.#fetch(id)
  }

  #find(id: DataId): TorchData | StringData | undefined {
    const data = id instanceof TorchData || id instanceof StringData ? id : this.#moved.get(id)
    if (data instanceof StringData) return data.values === undefined ? undefined : data
    return data === undefined || data.handle === 0 ? undefined : data
  }

  #fetch(id: DataId): TorchData | StringData {
    try {
      engine().moveData(this, id)
    } catch (cause) {
      // tfjs does not know the data any more, and fails on that.
      if (cause instanceof TypeError) throw new Error('A tensor was used after it was disposed.', { cause })
      throw cause
    }
    return this.#find(id)!
  }

  /** Counts a kernel's result as data that tfjs now owns. */
  adopt<T extends TorchData | StringData>(data: T): T {
    this.#count++
    if (data instanceof TorchData) data.adopted = true
    return data
  }

  override write(values: BackendValues, shape: number[], dtype: DataType): DataId {
    return this.adopt(this.#make(values, shape, dtype))
  }

  #make(values: BackendValues, shape: number[], dtype: DataType): TorchData | StringData {
    if (dtype === 'string') return new StringData(values as Uint8Array[], shape)
    const code = codeOf(dtype)
    return upload(typed(values as unknown as ArrayLike<number>, code), shape, code)
  }

  override move(id: DataId, values: BackendValues, shape: number[], dtype: DataType, refCount: number): void {
    const data = this.#make(values, shape, dtype)
    data.refCount = refCount
    if (id instanceof TorchData && data instanceof TorchData) {
      id.handle = data.handle
      id.refCount = refCount
    } else if (id instanceof StringData && data instanceof StringData) {
      id.values = data.values
      id.refCount = refCount
    } else this.#moved.set(id, data)
    this.adopt(data)
  }

  override readSync(id: DataId): BackendValues {
    const data = this.#find(id) ?? this.#fetch(id)
    return data instanceof StringData ? data.values! : download(data)
  }

  // Begun at once: tfjs may dispose the data before the promise is awaited.
  override async read(id: DataId): Promise<BackendValues> {
    const data = this.#find(id) ?? this.#fetch(id)
    return data instanceof TorchData && this.runsAhead() ? downloadBehind(data) : this.readSync(id)
  }

  /** Whether operators return before they have run (CUDA): then reading at once waits for the device, and `read` does not. */
  runsAhead(): boolean {
    return theAddon().device() !== 'cpu'
  }

  override disposeData(id: DataId, force = false): boolean {
    const data = this.#find(id)
    if (data === undefined) return true
    data.refCount--
    if (!force && data.refCount > 0) return false
    if (data instanceof StringData) data.values = undefined
    else release(data)
    this.#moved.delete(id)
    this.#count--
    return true
  }

  override incRef(id: DataId): void {
    const data = this.#find(id)
    if (data !== undefined) data.refCount++
  }

  decRef(id: DataId): void {
    const data = this.#find(id)
    if (data !== undefined) data.refCount--
  }

  override refCount(id: DataId): number {
    return this.#find(id)?.refCount ?? 0
  }

  override numDataIds(): number {
    return this.#count
  }

  override memory(): { unreliable: boolean; numBytesInTorch: number } {
    return { unreliable: false, numBytesInTorch: theAddon().memory().bytes }
  }

  /**
   * Calls of each operator, and copies and releases, in this process so far, and the seconds they spent inside libtorch. On CUDA that is the time to queue the work.
   * What a step takes beyond this is JavaScript, tfjs and the bridge.
   */
  operatorProfile(): OperatorProfile[] {
    const flat = theAddon().profile()
    return Array.from({ length: flat.length / 3 }, (_, i) => ({
      name: flat[3 * i] as string,
      calls: flat[3 * i + 1] as number,
      seconds: flat[3 * i + 2] as number,
    }))
  }

  override async time(f: () => void): Promise<{ kernelMs: number }> {
    const start = performance.now()
    f()
    return { kernelMs: performance.now() - start }
  }

  override timerAvailable(): boolean {
    return true
  }

  override floatPrecision(): 16 | 32 {
    return 32
  }

  override epsilon(): number {
    return 1e-7
  }

  // Tensors belong to tfjs's engine, which disposes them; the process's libtorch stays loaded.
  override dispose(): void {}
}
