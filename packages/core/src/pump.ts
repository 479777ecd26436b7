import { setImmediate } from 'node:timers/promises'
import { Observable } from 'rxjs'

export interface PumpOptions {
  /** Items prepared beyond the one in the step. */
  readonly ahead: number
  /** Completes at the next step boundary when aborted. */
  readonly signal?: AbortSignal
}

/**
 * The one bridge from pull to push: pulls an item, waits for its step, emits the result, and only then takes the next.
 * RxJS has no back-pressure (`from(source).pipe(concatMap(step))` would hold every item at once); here at most `ahead + 1` are alive.
 * Completion, an error in step or source, `take(n)` and unsubscribing all end the source with `return()`; a step that runs is finished first.
 */
export function pump<S, R>(source: AsyncIterable<S>, step: (item: S) => R | Promise<R>, { ahead, signal }: PumpOptions): Observable<R> {
  return new Observable<R>((subscriber) => {
    const stopped = () => subscriber.closed || signal?.aborted
    const run = async () => {
      for await (const item of prefetch(source, ahead)) {
        if (stopped()) break
        subscriber.next(await step(item))
        if (stopped()) break
      }
    }
    run().then(
      () => subscriber.complete(),
      (error) => subscriber.error(error),
    )
  })
}

/** The items of a source, with up to `ahead` of them being prepared while the consumer is busy with one. */
export async function* prefetch<S>(source: AsyncIterable<S>, ahead: number): AsyncGenerator<S, void, undefined> {
  const iterator = source[Symbol.asyncIterator]()
  const coming: Promise<IteratorResult<S>>[] = []
  let open = true
  try {
    for (;;) {
      while (coming.length <= ahead) coming.push(pull(iterator))
      const result = await coming.shift()
      if (!result || result.done) {
        open = false
        return
      }
      // A step blocks the thread: give decoders and timers their turn before the next.
      await setImmediate()
      yield result.value
    }
  } finally {
    if (open) await iterator.return?.()
  }
}

function pull<S>(iterator: AsyncIterator<S>): Promise<IteratorResult<S>> {
  const result = iterator.next()
  // Its error is raised when it is its turn; until then it is not unhandled.
  result.catch(() => {})
  return result
}
