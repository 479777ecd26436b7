import { setImmediate } from 'node:timers/promises'
import { aten, scoped, theAddon } from './aten.js'
import { BOOL, codeOf, INT32 } from './dtypes.js'
import type { TorchData } from './torch-data.js'

type Values = Float32Array | Int32Array | Uint8Array

const toDtype = aten('to.dtype')

/** The elements in row-major order, as tfjs holds them (complex64: real and imaginary in turn). */
export function download(data: TorchData): Values {
  return typed(
    outgoing(data, (handle) => theAddon().download(handle)),
    data,
  )
}

/**
 * As `download`, of a tensor on a device, without waiting for the device: the copy is queued before this returns, so that the tensor may be released,
 * and what is called meanwhile runs behind it.
 */
export async function downloadBehind(data: TorchData): Promise<Values> {
  const read = outgoing(data, (handle) => theAddon().queueRead(handle))
  for (;;) {
    const buffer = theAddon().takeRead(read)
    if (buffer !== undefined) return typed(buffer, data)
    await setImmediate()
  }
}

/** Calls `f` with the tensor in the dtype that tfjs knows it by. */
function outgoing<R>(data: TorchData, f: (handle: number) => R): R {
  const wanted = codeOf(data.dtype)
  if (data.code === wanted) return f(data.handle)
  return scoped(
    () => f(toDtype(data, wanted).handle),
    () => [],
  )
}

function typed(buffer: ArrayBuffer, { dtype }: TorchData): Values {
  const code = codeOf(dtype)
  if (code === INT32) return new Int32Array(buffer)
  if (code === BOOL) return new Uint8Array(buffer)
  return new Float32Array(buffer)
}
