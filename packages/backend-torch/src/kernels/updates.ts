import { aten, atenVoid, forgetLow, has, theAddon, upload } from '../aten.js'
import { download } from '../download.js'
import { FLOAT32, FLOAT64 } from '../dtypes.js'
import type { Attributes, KernelTable } from '../kernel.js'
import type { TorchData } from '../torch-data.js'

const clone = aten('clone')
const contiguous = aten('contiguous')
const lerp = aten('lerp.Scalar')
const lerpInto = atenVoid('lerp_.Scalar')
const mulInto = atenVoid('mul_.Scalar')
const mulTensorInto = atenVoid('mul_.Tensor')
const addInto = atenVoid('add_.Tensor')
const addScalarInto = atenVoid('add_.Scalar')
const addcmulInto = atenVoid('addcmul_')
const addcdivInto = atenVoid('addcdiv_')
const sqrt = aten('sqrt')
const div = aten('div.Tensor')
const clampMax = aten('clamp_max')
const fullLike = aten('full_like')
const toDtype = aten('to.dtype')

/** c10::MemoryFormat. */
const ROW_MAJOR = 0

/** An operator over whole lists; undefined where this libtorch has none, or has it for other devices only. */
function overLists(name: string): (...args: Parameters<ReturnType<typeof atenVoid>>) => boolean {
  const call = atenVoid(name)
  let there: boolean | undefined
  return (...args) => {
    there ??= has(name)
    if (!there) return false
    try {
      call(...args)
    } catch (error) {
      // libtorch 2.0 to 2.3 know fused optimisers, but not on the CPU.
      if (!/Could not run|not implemented/i.test((error as Error).message)) throw error
      there = false
    }
    return there
  }
}

const adamwInto = overLists('_fused_adamw_')
const sgdInto = overLists('_fused_sgd_')
const foreachLerpInto = overLists('_foreach_lerp_.Scalar')
const foreachAddInto = overLists('_foreach_add_.List')
const foreachMulInto = overLists('_foreach_mul_.Scalar')
const foreachMulTensorInto = overLists('_foreach_mul_.Tensor')

interface Moving {
  readonly parameter: readonly TorchData[]
  readonly gradient: readonly TorchData[]
  readonly m: readonly TorchData[]
  readonly v: readonly TorchData[]
  /** 1: everything stays as it is. */
  readonly skip: TorchData | undefined
}

/** For a libtorch without the fused operators, which look at it themselves. */
const read = (skip: TorchData | undefined): boolean => skip !== undefined && download(skip)[0] === 1

/** The tensor itself where nothing else can see it (no other tfjs tensor, no view), else a copy: what may be written in place. */
function writable(x: TorchData): TorchData {
  const y = x.refCount === 1 && theAddon().sole(x.handle) ? x : clone(x, ROW_MAJOR)
  forgetLow(y)
  y.isRowMajor = true
  return y
}

/** As `writable`, for tensors that nobody but the caller ever gets: whether there are views of one is asked once. */
const ownMoment = (x: TorchData): TorchData => (x.refCount === 1 && x.isRowMajor ? x : writable(x))

/** Fused operators take it for granted that values lie in row-major order, and on the CPU compute nonsense where they do not. */
const rowMajor = (x: TorchData): TorchData => (x.isRowMajor ? x : contiguous(x))

/**
 * libtorch's fused AdamW takes the decay off before the update and adds eps after the bias correction. At a step so large that its bias
 * corrections are 1, with the rate times (1 - decay), it is UniDiag's: (p - rate m / (sqrt v + eps)) (1 - decay).
 */
function updateFused({ parameter, gradient, m, v, skip }: Moving, { rate, beta1, beta2, eps, decay }: Attributes): boolean {
  const step = upload(Float32Array.of(1e9), [], FLOAT32)
  const lr = rate * (1 - decay)
  const steps = parameter.map(() => step)
  return adamwInto(parameter, gradient.map(rowMajor), m, v, [], steps, lr, beta1, beta2, lr === 0 ? 0 : decay / lr, eps, false, false, undefined, skip)
}

function updateEach({ parameter, gradient, m, v }: Moving, { rate, beta1, beta2, eps, decay }: Attributes): void {
  for (const [i, p] of parameter.entries()) {
    mulInto(m[i], beta1)
    addInto(m[i], gradient[i], 1 - beta1)
    mulInto(v[i], beta2)
    addcmulInto(v[i], gradient[i], gradient[i], 1 - beta2)
    const scale = sqrt(v[i])
    addScalarInto(scale, eps)
    addcdivInto(p, m[i], scale, -rate)
    mulInto(p, 1 - decay)
  }
}

function update(moving: Moving, attributes: Attributes): TorchData[] {
  if (!updateFused(moving, attributes) && !read(moving.skip)) updateEach(moving, attributes)
  return moving.parameter.flatMap((p, i) => [p, moving.m[i]!, moving.v[i]!])
}

/** A step of SGD with rate 1 - decay and weight decay 1, up the "gradient" value: a - (1 - decay) (-value + a). */
function average(averages: readonly TorchData[], values: readonly TorchData[], decay: number, skip: TorchData | undefined): TorchData[] {
  const own = averages.map(writable)
  if (sgdInto(own, values.map(rowMajor), [], 1, 0, 1 - decay, 0, false, true, false, undefined, skip) || read(skip)) return own
  if (!foreachLerpInto(own, values, 1 - decay)) for (const [i, a] of own.entries()) lerpInto(a, values[i], 1 - decay)
  return own
}

function addAll(a: readonly TorchData[], b: readonly TorchData[]): TorchData[] {
  const own = a.map(writable)
  if (!foreachAddInto(own, b)) for (const [i, x] of own.entries()) addInto(x, b[i])
  return own
}

function scaleAll(x: readonly TorchData[], factor: number): TorchData[] {
  const own = x.map(writable)
  if (!foreachMulInto(own, factor)) for (const y of own) mulInto(y, factor)
  return own
}

function clipAll(x: readonly TorchData[], norm: TorchData, max: number): TorchData[] {
  const own = x.map(writable)
  // In double precision, as a quotient of numbers that were read.
  const wide = toDtype(norm, FLOAT64)
  const factor = toDtype(clampMax(div(fullLike(wide, max), wide), 1), FLOAT32)
  if (!foreachMulTensorInto(own, factor)) for (const y of own) mulTensorInto(y, factor)
  return own
}

const listed = (x: unknown): readonly TorchData[] => x as readonly TorchData[]

export const updateKernels: KernelTable = {
  UniDiagAdamW: ({ parameter, gradient, m, v }, attributes) =>
    update(
      { parameter: [clone(parameter, ROW_MAJOR)], gradient: [gradient!], m: [clone(m, ROW_MAJOR)], v: [clone(v, ROW_MAJOR)], skip: undefined },
      attributes,
    ),
  UniDiagAdamWAll: ({ parameter, gradient, m, v, skip }, attributes) =>
    update(
      { parameter: listed(parameter).map(writable), gradient: listed(gradient), m: listed(m).map(ownMoment), v: listed(v).map(ownMoment), skip },
      attributes,
    ),
  UniDiagEma: ({ average: a, value }, { decay }) => lerp(a, value, 1 - decay),
  UniDiagEmaAll: ({ average: a, value, skip }, { decay }) => average(listed(a), listed(value), decay, skip),
  UniDiagAddAll: ({ a, b }) => addAll(listed(a), listed(b)),
  UniDiagScaleAll: ({ x }, { factor }) => scaleAll(listed(x), factor),
  UniDiagClipAll: ({ x, norm }, { max }) => clipAll(listed(x), norm!, max),
}
