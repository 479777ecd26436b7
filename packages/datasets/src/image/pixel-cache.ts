/** Pixels used last, up to a number of bytes. */
export class PixelCache {
  readonly #limit: number
  readonly #entries = new Map<unknown, Uint8Array>()
  #bytes = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  get bytes(): number {
    return this.#bytes
  }

  get(key: unknown): Uint8Array | undefined {
    const found = this.#entries.get(key)
    if (found) {
      // A map keeps the order of insertion: the first entry is the one unused for longest.
      this.#entries.delete(key)
      this.#entries.set(key, found)
    }
    return found
  }

  set(key: unknown, pixels: Uint8Array): void {
    this.delete(key)
    if (pixels.byteLength > this.#limit) return
    this.#entries.set(key, pixels)
    this.#bytes += pixels.byteLength
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#limit) break
      this.delete(oldest)
    }
  }

  delete(key: unknown): void {
    this.#bytes -= this.#entries.get(key)?.byteLength ?? 0
    this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
    this.#bytes = 0
  }
}
