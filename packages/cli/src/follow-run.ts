import type { RunEvent } from '@unidiag/core/events'
import type { Pipeline } from '@unidiag/core/pipeline'
import { exitCodes } from './exit-codes.js'

export interface FollowOptions {
  readonly resume?: boolean
  next?(event: RunEvent): void
}

/**
 * Runs a pipeline to its end, or until Ctrl-C: the first one stops at the next step boundary with a checkpoint, the second one at once.
 */
export function followRun(pipeline: Pipeline, { resume = false, next = () => {} }: FollowOptions = {}): Promise<'done' | 'stopped'> {
  return new Promise((resolve, reject) => {
    let stopping = false
    const stop = () => {
      if (stopping) process.exit(exitCodes.interrupted)
      stopping = true
      console.error('\nstopping at the next step; Ctrl-C again stops at once')
      subscription.unsubscribe()
      // Closing waits for the step in progress and the checkpoint.
      pipeline.close().then(() => settle(() => resolve('stopped')), fail)
    }
    const settle = (end: () => void) => {
      process.off('SIGINT', stop)
      process.off('SIGTERM', stop)
      end()
    }
    const fail = (error: unknown) => settle(() => reject(error))
    process.on('SIGINT', stop)
    process.on('SIGTERM', stop)
    const subscription = pipeline.run({ resume }).subscribe({ next, error: fail, complete: () => settle(() => resolve('done')) })
  })
}
