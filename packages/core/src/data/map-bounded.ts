/** `Promise.all(items.map(f))` with at most `limit` of them running. Fails with the first error, after those that run have ended. */
export async function mapBounded<T, R>(items: readonly T[], limit: number, f: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length)
  const errors: unknown[] = []
  let next = 0
  const work = async () => {
    while (next < items.length && errors.length === 0) {
      const index = next++
      try {
        results[index] = await f(items[index])
      } catch (error) {
        errors.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, work))
  if (errors.length > 0) throw errors[0]
  return results
}
