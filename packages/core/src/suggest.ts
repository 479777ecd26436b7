/** The candidate nearest to `word`, when it is near enough to be what was meant. */
export function suggest(_word: string, _candidates: Iterable<string>): string | undefined {
  return undefined
}
