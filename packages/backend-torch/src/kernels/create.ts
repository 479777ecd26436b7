import { aten } from '../aten.js'
import { COMPLEX64, codeOf, FLOAT32, INT32 } from '../dtypes.js'
import type { KernelTable } from '../kernel.js'

const full = aten('full')
const fullLike = aten('full_like')
const arange = aten('arange.start_step')
const linspace = aten('linspace')
const toDtype = aten('to.dtype')
const eq = aten('eq.Tensor')
const where = aten('where.self')
const unsqueeze = aten('unsqueeze')
const viewAsReal = aten('view_as_real')
const select = aten('select.int')
const ne = aten('ne.Scalar')

export const createKernels: KernelTable = {
  Fill: (_, { shape, value, dtype }) => full(shape, value, codeOf(dtype ?? 'float32')),
  OnesLike: ({ x }) => fullLike(x, 1),
  ZerosLike: ({ x }) => fullLike(x, 0),
  Identity: ({ x }) => x!,
  // Only zero is false: libtorch's own conversion agrees, also for NaN.
  Cast: ({ x }, { dtype }) => {
    const code = codeOf(dtype)
    if (x!.code === code) return x!
    const y = x!.code === COMPLEX64 ? select(viewAsReal(x), -1, 0) : x!
    return dtype === 'bool' ? ne(y, 0) : toDtype(y, code)
  },
  Range: (_, { start, stop, step, dtype }) => {
    const empty = start === stop || (start < stop && step < 0) || (stop < start && step > 1)
    const towards = stop < start && step === 1 ? -1 : step
    return empty ? full([0], 0, codeOf(dtype)) : arange(start, stop, towards, codeOf(dtype))
  },
  LinSpace: (_, { start, stop, num }) => linspace(start, stop, num, FLOAT32),
  OneHot: ({ indices }, { depth, onValue, offValue, dtype }) => {
    const code = codeOf(dtype ?? 'int32')
    const hot = eq(unsqueeze(indices, -1), arange(0, depth, 1, INT32))
    return where(hot, full([], onValue, code), full([], offValue, code))
  },
}
