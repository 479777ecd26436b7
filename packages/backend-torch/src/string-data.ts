/** Strings live on the host: libtorch has none. `values` is undefined once it is released. */
export class StringData {
  readonly dtype = 'string'
  readonly shape: number[]
  readonly dataId: object
  values: Uint8Array[] | undefined
  refCount = 1

  constructor(values: Uint8Array[], shape: number[]) {
    this.values = values
    this.shape = shape
    this.dataId = this
  }
}
