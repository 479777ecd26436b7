import { engine, type KernelBackend } from '@tensorflow/tfjs-core'

/**
 * Whether the current backend computes in the background: its `read` starts a copy of the values as they are at that point, also of a tensor that is
 * disposed of at once, and gives them without waiting for what is queued after it; and its kernels for all parameters at once take `skip` without
 * reading it. Training then reads the numbers of a step while the next one runs. A backend says so by a method `runsAhead(): boolean` besides those
 * of tfjs.
 */
export const runsAhead = (): boolean => (engine().backend as KernelBackend & { runsAhead?(): boolean }).runsAhead?.() ?? false
