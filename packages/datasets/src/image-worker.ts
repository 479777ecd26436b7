/** The thread that resizes pictures; started by the image loader. */
import { parentPort } from 'node:worker_threads'
import { resample } from './image/resample.js'
import type { ResizeJob, ResizeResult } from './image/resize-pool.js'

parentPort?.on('message', ({ job, picture, geometry }: ResizeJob) => {
  const pixels = resample(picture, geometry)
  const result: ResizeResult = { job, pixels }
  parentPort?.postMessage(result, [pixels.buffer])
})
