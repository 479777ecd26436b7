/** A class or function that a pickle names. Only the name: nothing is looked up, imported or run. */
export class Global {
  /** Module and name, e.g. `collections.OrderedDict`. */
  readonly path: string

  constructor(path: string) {
    this.path = path
  }
}

/** Stands for an object of a class that is not built here: the name of the class, and the plain data that was put into the object. */
export class Opaque {
  readonly of: string
  readonly content = new Map<unknown, unknown>()

  constructor(of: string) {
    this.of = of
  }
}

/** A string of Python 2 holds bytes. */
export function toBytes(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'string') return value instanceof Uint8Array ? value : undefined
  const { buffer, byteOffset, length } = Buffer.from(value, 'latin1')
  return new Uint8Array(buffer, byteOffset, length)
}

export const isNatural = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** A tuple or list of sizes. */
export const isNaturals = (value: unknown): value is number[] => Array.isArray(value) && value.every(isNatural)
