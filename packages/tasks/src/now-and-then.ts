const SECONDS = 10

/** Passes on a message when the last one is ten seconds old; the first waits as long. */
export function nowAndThen(say: ((message: string) => void) | undefined): (message: () => string) => void {
  let last = performance.now()
  return (message) => {
    const now = performance.now()
    if (now - last < 1000 * SECONDS) return
    last = now
    say?.(message())
  }
}
