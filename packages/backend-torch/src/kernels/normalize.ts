import { aten } from '../aten.js'
import { FLOAT32 } from '../dtypes.js'
import type { KernelTable } from '../kernel.js'
import type { TorchData } from '../torch-data.js'

const softmax = aten('_softmax')
const logSoftmax = aten('_log_softmax')
const toDtype = aten('to.dtype')
const sub = aten('sub.Tensor')
const mul = aten('mul.Tensor')
const mulScalar = aten('mul.Scalar')
const div = aten('div.Tensor')
const add = aten('add.Tensor')
const addScalar = aten('add.Scalar')
const rsqrt = aten('rsqrt')
const square = aten('square')
const pow = aten('pow.Tensor_Scalar')
const pad = aten('constant_pad_nd')
const unfold = aten('unfold')
const sum = aten('sum.dim_IntList')

const real = (x: TorchData): TorchData => (x.code === FLOAT32 ? x : toDtype(x, FLOAT32))

/** Sums over the 2 r + 1 neighbours along the channels. */
const windowSum = (x: TorchData, r: number): TorchData => sum(unfold(pad(x, [r, r]), x.shape.length - 1, 2 * r + 1, 1), [-1])

const energy = (x: TorchData, r: number, bias: number, alpha: number): TorchData => addScalar(mulScalar(windowSum(square(x), r), alpha), bias)

export const normalizeKernels: KernelTable = {
  Softmax: ({ logits }, { dim }) => softmax(real(logits!), dim, false),
  LogSoftmax: ({ logits }, { axis }) => logSoftmax(real(logits!), axis, false),
  FusedBatchNorm: ({ x, mean, variance, offset, scale }, { varianceEpsilon }) => {
    const unit = rsqrt(addScalar(variance, varianceEpsilon ?? 0.001))
    const y = mul(sub(x, mean), scale === undefined ? unit : mul(unit, scale))
    return offset === undefined ? y : add(y, offset)
  },
  LRN: ({ x }, { depthRadius, bias, alpha, beta }) => mul(x, pow(energy(x!, depthRadius, bias, alpha), -beta)),
  LRNGrad: ({ x, y, dy }, { depthRadius, bias, alpha, beta }) => {
    const e = energy(x!, depthRadius, bias, alpha)
    const through = windowSum(div(mul(dy, y), e), depthRadius)
    return sub(mul(dy, pow(e, -beta)), mulScalar(mul(x, through), 2 * alpha * beta))
  },
}
