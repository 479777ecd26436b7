import type { Observable } from 'rxjs'

/** @see prefetch */
export interface PumpOptions {
  /** Items held ready beyond the one in the step: at most `ahead + 1` live at once. */
  readonly ahead: number
  /** Completes at the next step boundary when aborted. */
  readonly signal?: AbortSignal
}

/** The one bridge from pull to push. */
export function pump<S, R>(_source: AsyncIterable<S>, _step: (item: S) => R | Promise<R>, _o: PumpOptions): Observable<R> {
  throw new Error('not yet')
}
