/** In double precision: rounded probabilities would tie in rankings. */
export function softmax(logits: ArrayLike<number>): number[] {
  const values = Array.from(logits)
  const largest = values.reduce((a, b) => Math.max(a, b))
  const powers = values.map((x) => Math.exp(x - largest))
  const sum = powers.reduce((a, b) => a + b)
  return powers.map((power) => power / sum)
}
