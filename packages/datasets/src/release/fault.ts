import { type ErrorCode, UniDiagError } from '@unidiag/core/errors'

/** A place of a release that does not have the official layout. Never quotes texts of the data. */
export interface Fault {
  readonly code: Extract<ErrorCode, 'DATA_MISSING' | 'DATA_MALFORMED'>
  readonly file: string
  /** `line:column`, from 1. */
  readonly at?: string
  readonly reason: string
}

export const describeFault = ({ file, at, reason }: Fault): string => `${file}${at ? `:${at}` : ''}: ${reason}`

const SHOWN = 5

/** @throws UniDiagError DATA_MISSING or DATA_MALFORMED that lists the first faults, when there are any */
export function refuse(what: string, faults: readonly Fault[]): void {
  if (faults.length === 0) return
  const more = faults.length > SHOWN ? [`and ${faults.length - SHOWN} more`] : []
  throw new UniDiagError(faults[0].code, [`${what} cannot be read:`, ...faults.slice(0, SHOWN).map(describeFault), ...more].join('\n  '))
}
