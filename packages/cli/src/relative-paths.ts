import { resolve } from 'node:path'

/** Makes every string of a value that begins with `./` or `../` an absolute path. */
export function resolvePaths(value: unknown, folder: string): unknown {
  if (typeof value === 'string') return /^\.\.?\//.test(value) ? resolve(folder, value) : value
  if (Array.isArray(value)) return value.map((item) => resolvePaths(item, folder))
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolvePaths(item, folder)]))
}
