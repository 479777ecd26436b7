/** A tensor as the addon knows it: a number that is never reused after release. */
export type Handle = number

/** What the addon takes for an argument of an operator, by the operator's schema. */
export type NativeArgument = Handle | boolean | string | null | undefined | readonly NativeArgument[]

/** What a call gives back: a tensor, a plain value, or a list of them. */
export type NativeResult = Handle | boolean | string | null | undefined | NativeResult[]

/** The functions of native/addon.cc. Every one throws an Error with a `code` (TORCH_OPERATOR, TORCH_HANDLE, TORCH_MEMORY, ...). */
export interface Addon {
  /** The id of `aten::add`, `Tensor`; undefined where this libtorch has no such operator. */
  operator(name: string, overload: string): number | undefined
  schema(id: number): string
  call(id: number, ...args: NativeArgument[]): NativeResult
  /**
   * The id of operators that are called one after another: each [operator, from, what, ...] with a pair for each argument. `from` 0: `what` is the argument;
   * 1: the argument of the sequence with that number; 2 and more: of the operator with that number in the sequence, the first result and those after it.
   * `outputs` are such pairs.
   */
  sequence(steps: readonly NativeArgument[][], outputs: readonly number[]): number
  run(id: number, ...args: NativeArgument[]): NativeResult
  release(...handles: Handle[]): void
  /** [dtype, ...sizes]. */
  shape(handle: Handle): number[]
  /** Whether nothing else shares the tensor's memory. */
  sole(handle: Handle): boolean
  upload(values: NodeJS.TypedArray, shape: readonly number[], dtype: number): Handle
  download(handle: Handle): ArrayBuffer
  /** Queues a copy to the host behind the device's work; the tensor may be released at once. For tensors of a device only. */
  queueRead(handle: Handle): number
  /** What `queueRead` promised, once; undefined while the copy is under way. */
  takeRead(read: number): ArrayBuffer | undefined
  /** The array that `call` writes results' dtypes and shapes to: [count, (dtype, rank, ...sizes) per tensor], count -1 if it is too short. */
  share(array: Int32Array): void
  memory(): { tensors: number; bytes: number }
  threads(count?: number): number
  seed(value: number): void
  /** Throws TORCH_DEVICE, or the device's own error, where nothing can be computed on it. */
  device(name?: string): string
  hasCuda(): boolean
  /** Whether the processor has AVX-512, whatever libtorch makes of it. */
  hasAvx512(): boolean
  /** Name, calls and seconds inside libtorch of every operator called so far, of copies and of releases, one after another. */
  profile(): (string | number)[]
}
