/** Host data of a batch: a typed array and its shape. Becomes a tensor only inside a step. */
export interface HostArray {
  readonly data: Float32Array | Int32Array
  readonly shape: readonly number[]
}
