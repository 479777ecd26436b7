import { type KernelTable, registerTable } from './kernel.js'
import { attentionKernels } from './kernels/attention.js'
import { attentionSublayerKernels } from './kernels/attention-sublayer.js'
import { binaryKernels } from './kernels/binary.js'
import { complexKernels } from './kernels/complex.js'
import { convolutionKernels } from './kernels/convolution.js'
import { createKernels } from './kernels/create.js'
import { feedForwardKernels } from './kernels/feed-forward.js'
import { gatherKernels } from './kernels/gather.js'
import { registerHostKernels } from './kernels/host.js'
import { layerKernels } from './kernels/layers.js'
import { matmulKernels } from './kernels/matmul.js'
import { normalizeKernels } from './kernels/normalize.js'
import { poolKernels } from './kernels/pool.js'
import { reduceKernels } from './kernels/reduce.js'
import { resizeKernels } from './kernels/resize.js'
import { shapeKernels } from './kernels/shape.js'
import { spaceKernels } from './kernels/space.js'
import { unaryKernels } from './kernels/unary.js'
import { updateKernels } from './kernels/updates.js'
import { isOnCpu } from './threads.js'

const kernelTables: readonly KernelTable[] = [
  unaryKernels,
  binaryKernels,
  reduceKernels,
  matmulKernels,
  convolutionKernels,
  poolKernels,
  normalizeKernels,
  shapeKernels,
  spaceKernels,
  gatherKernels,
  resizeKernels,
  createKernels,
  complexKernels,
  layerKernels,
  attentionKernels,
  feedForwardKernels,
  updateKernels,
]

let registered = false

/** Registers every kernel of the backend once a process, for the device that is in use. */
export function registerKernels(): void {
  if (registered) return
  registered = true
  registerHostKernels()
  for (const table of kernelTables) registerTable(table)
  if (isOnCpu()) registerTable(attentionSublayerKernels)
}
