import { inspect } from 'node:util'
import { UniDiagError } from '@unidiag/core/errors'

/** What a person reads when a command fails: what happened and what to do; where it comes from only when asked for. */
export function describeError(error: unknown, verbose: boolean): string {
  const known = error instanceof UniDiagError
  const message = error instanceof Error ? error.message : String(error)
  const lines = known
    ? [`error ${error.code}: ${message}`, `fix: ${error.fix}`]
    : [
        `error: ${message}`,
        ...(verbose ? [] : ['fix: this is not an error that UniDiag expects; run the command again with --verbose to see where it comes from.']),
      ]
  return [...lines, ...(verbose ? [inspect(error)] : [])].join('\n')
}
