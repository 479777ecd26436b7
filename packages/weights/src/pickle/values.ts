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
export const toBytes = (value: unknown): Uint8Array | undefined =>
  value instanceof Uint8Array ? value : typeof value === 'string' ? Buffer.from(value, 'latin1') : undefined

export const isNatural = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** A tuple or list of sizes. */
export const isNaturals = (value: unknown): value is number[] => Array.isArray(value) && value.every(isNatural)
