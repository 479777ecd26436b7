import { theAddon } from './aten.js'

/** Elements of work, about a nanosecond each to one thread, from which more threads are worth waking: they sleep between operators. */
const WORTH_WAKING = 2 ** 17
/** Multiply-adds of a matrix product that take as long as one element of anything else. */
export const PRODUCTS_AN_ELEMENT = 64

let most: number | undefined
let current: number | undefined
let onCpu = true

/** Whether operators compute on the processor, not on a device. */
export const isOnCpu = (): boolean => onCpu

/** The threads of large operators: `count`, else what they were, else libtorch's own choice. Small ones take one. */
export function setThreads(count?: number): number {
  onCpu = theAddon().device() === 'cpu'
  most = count ?? most ?? theAddon().threads()
  current = theAddon().threads(most)
  return most
}

/** Chooses the threads of the operators that follow by how much they have to do; on a device, whose operators are only queued here, none. */
export function threadsFor(elements: number): void {
  if (!onCpu) return
  const wanted = elements >= WORTH_WAKING ? (most ?? 1) : 1
  if (wanted === current) return
  current = wanted
  theAddon().threads(wanted)
}
