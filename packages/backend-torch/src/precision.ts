/** What matrix products and attention are computed in. Sums over products are kept in float32 either way, and so is everything else. */
export type Precision = 'f32' | 'bf16'

let current: Precision = 'f32'

export const precision = (): Precision => current

export function setPrecision(value: Precision): void {
  current = value
}
