import type { Precision } from '@unidiag/core/backend/engines'

let current: Precision = 'f32'

export const precision = (): Precision => current

export function setPrecision(value: Precision): void {
  current = value
}
