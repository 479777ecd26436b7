/** What is wrong with a file, without its name: who opened it adds that. */
export class Fault extends Error {
  /** What to do, when it differs from the error table. */
  readonly fix: string | undefined

  constructor(message: string, { fix, cause }: { fix?: string; cause?: unknown } = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.fix = fix
  }
}

/** The bytes end before the pickle does. */
export class CutOff extends Fault {}
