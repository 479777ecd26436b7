import { InvalidArgumentError } from 'commander'

/** Reads an option that is a whole number from `least`. */
export const wholeNumber =
  (least = 1) =>
  (text: string): number => {
    const value = Number(text)
    if (!Number.isInteger(value) || value < least) throw new InvalidArgumentError(`Expected a whole number from ${least}.`)
    return value
  }

/** Reads an option that is a number above 0. */
export function positiveNumber(text: string): number {
  const value = Number(text)
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError('Expected a number above 0.')
  return value
}
