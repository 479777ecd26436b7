import { aten, atenVoid, has, theAddon, upload } from '../aten.js'
import { FLOAT32 } from '../dtypes.js'
import type { Attributes, KernelTable } from '../kernel.js'
import type { TorchData } from '../torch-data.js'

const clone = aten('clone')
const lerp = aten('lerp.Scalar')
const lerpInto = atenVoid('lerp_.Scalar')
const foreachLerpInto = atenVoid('_foreach_lerp_.Scalar')
const fusedInto = atenVoid('_fused_adamw_')
const mulInto = atenVoid('mul_.Scalar')
const addInto = atenVoid('add_.Tensor')
const addScalarInto = atenVoid('add_.Scalar')
const addcmulInto = atenVoid('addcmul_')
const addcdivInto = atenVoid('addcdiv_')
const sqrt = aten('sqrt')

const FOREACH_LERP = '_foreach_lerp_.Scalar'
const FUSED = '_fused_adamw_'

interface Moving {
  readonly parameter: readonly TorchData[]
  readonly gradient: readonly TorchData[]
  readonly m: readonly TorchData[]
  readonly v: readonly TorchData[]
}

/** The tensor itself where nothing else can see it (no other tfjs tensor, no view), else a copy: what may be written in place. */
const writable = (x: TorchData): TorchData => (x.refCount === 1 && theAddon().sole(x.handle) ? x : clone(x))

let fused: boolean | undefined

/**
 * libtorch's fused AdamW takes the decay off before the update and adds eps after the bias correction. At a step so large that its bias
 * corrections are 1, with the rate times (1 - decay), it is UniDiag's: (p - rate m / (sqrt v + eps)) (1 - decay).
 */
function updateFused({ parameter, gradient, m, v }: Moving, { rate, beta1, beta2, eps, decay }: Attributes): void {
  const step = upload(Float32Array.of(1e9), [], FLOAT32)
  const lr = rate * (1 - decay)
  const steps = parameter.map(() => step)
  fusedInto(parameter, gradient, m, v, [], steps, lr, beta1, beta2, lr === 0 ? 0 : decay / lr, eps, false, false)
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
  fused ??= has(FUSED)
  if (fused) {
    try {
      updateFused(moving, attributes)
    } catch (error) {
      // libtorch 2.0 to 2.3 know the operator, but not on the CPU.
      if (!/Could not run|not implemented/i.test((error as Error).message)) throw error
      fused = false
    }
  }
  if (!fused) updateEach(moving, attributes)
  return moving.parameter.flatMap((p, i) => [p, moving.m[i]!, moving.v[i]!])
}

function average(averages: readonly TorchData[], values: readonly TorchData[], decay: number): TorchData[] {
  const own = averages.map(writable)
  if (has(FOREACH_LERP)) foreachLerpInto(own, values, 1 - decay)
  else for (const [i, a] of own.entries()) lerpInto(a, values[i], 1 - decay)
  return own
}

const listed = (x: unknown): readonly TorchData[] => x as readonly TorchData[]

export const updateKernels: KernelTable = {
  UniDiagAdamW: ({ parameter, gradient, m, v }, attributes) =>
    update({ parameter: [clone(parameter)], gradient: [gradient!], m: [clone(m)], v: [clone(v)] }, attributes),
  UniDiagAdamWAll: ({ parameter, gradient, m, v }, attributes) =>
    update({ parameter: listed(parameter).map(writable), gradient: listed(gradient), m: listed(m).map(writable), v: listed(v).map(writable) }, attributes),
  UniDiagEma: ({ average: a, value }, { decay }) => lerp(a, value, 1 - decay),
  UniDiagEmaAll: ({ average: a, value }, { decay }) => average(listed(a), listed(value), decay),
}
