import { createHash } from 'node:crypto'
import type { Sample } from '@unidiag/core/contracts/dataset'

/** SHA-256 over the sorted ids, one a line: two scores were measured on the same questions exactly when these are equal. */
export function splitHash(samples: readonly Sample[]): string {
  const ids = samples.map(({ id }) => id).sort()
  return createHash('sha256').update(ids.join('\n')).digest('hex')
}
