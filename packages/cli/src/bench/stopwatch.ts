export interface Rate {
  /** Items a second of wall time, with all the threads that were used. */
  readonly perSecond: number
  /** Items a second of processor time: what one core does. Hardly changed by what else the machine does. */
  readonly perCore: number
}

/** Wall time, and processor time of all threads of the process, of the work it is given. */
export class Stopwatch {
  #milliseconds = 0
  #cpuMicroseconds = 0

  async time(work: () => Promise<unknown>): Promise<void> {
    const [began, used] = [performance.now(), process.cpuUsage()]
    await work()
    const { user, system } = process.cpuUsage(used)
    this.#milliseconds += performance.now() - began
    this.#cpuMicroseconds += user + system
  }

  rate(items: number): Rate {
    return { perSecond: items / (this.#milliseconds / 1e3), perCore: items / (this.#cpuMicroseconds / 1e6) }
  }
}
