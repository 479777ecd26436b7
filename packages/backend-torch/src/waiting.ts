import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'

const SAMPLES = 9
const APART_MS = 5
/** Turns of its loop that a thread of GNU OpenMP waits for the next piece of work before it sleeps, where processors are wanted by others. */
const SHORT = '1000'

/** What is running or waits for a processor beside the process that asks, of Linux's /proc/loadavg. */
export function othersRunning(loadavg: string): number {
  const [, running] = /\s(\d+)\/\d+\s/.exec(loadavg) ?? []
  return running === undefined ? 0 : Number(running) - 1
}

/** Whether there is a processor for every thread, beside what the rest of the system runs just now; true where the system does not tell. */
async function isFree(threads: number, processors: number): Promise<boolean> {
  const others: number[] = []
  for (let i = 0; i < SAMPLES; i++) {
    try {
      others.push(othersRunning(readFileSync('/proc/loadavg', 'utf8')))
    } catch {
      return true
    }
    await sleep(APART_MS)
  }
  const median = others.sort((a, b) => a - b)[SAMPLES >> 1]!
  return median + threads <= processors
}

/**
 * Says how GNU OpenMP's threads, which read it once when libtorch is loaded, wait between two operators. Left alone they keep their processors busy for milliseconds,
 * so that the next operator begins at once: a sixth of a step's time. Where others want these processors that makes a step half as long again, so there they sleep early.
 * What the environment says goes before.
 */
export async function chooseWaiting(threads: number | undefined, processors = cpus().length): Promise<void> {
  const { env } = process
  if (env.OMP_WAIT_POLICY !== undefined || env.GOMP_SPINCOUNT !== undefined) return
  if (!(await isFree(threads ?? processors, processors))) env.GOMP_SPINCOUNT = SHORT
}
