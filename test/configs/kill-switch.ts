import { statSync } from 'node:fs'
import { join } from 'node:path'
import { Sink } from '@unidiag/core/contracts/sink'
import { definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'

/** Where a process is killed: after so many of its events of a kind, or when its n-th writing of a checkpoint has come so far. */
export type KillPoint =
  | { readonly event: string; readonly count: number }
  | { readonly writing: 'last' | 'best'; readonly count: number; readonly bytes: number }

/** Kills the process it runs in at the point that UNIDIAG_TEST_KILL names; without it, it does nothing. */
export const killSwitch = definePlugin({
  name: 'kill-switch',
  provides: Sink,
  options: z.strictObject({}),
  setup(): Sink {
    const point: KillPoint | undefined = process.env.UNIDIAG_TEST_KILL ? JSON.parse(process.env.UNIDIAG_TEST_KILL) : undefined
    let seen = 0
    return {
      next(event) {
        if (!point) return
        if ('event' in point && event.type === point.event && ++seen === point.count) kill()
        if ('writing' in point && event.type === 'run-start') watch(join(event.out, `${point.writing}.safetensors.tmp`), point)
      },
    }
  },
})

function kill(): void {
  process.kill(process.pid, 'SIGKILL')
}

/** Looks between any two writes: they are asynchronous, so the loop turns at least once a tensor. */
function watch(file: string, { count, bytes }: { count: number; bytes: number }): void {
  let [writing, times] = [false, 0]
  const look = () => {
    // The file is renamed meanwhile.
    const size = statSync(file, { throwIfNoEntry: false })?.size ?? -1
    if (size >= 0 && !writing) times++
    writing = size >= 0
    if (times === count && size >= bytes) kill()
    setImmediate(look).unref()
  }
  look()
}
