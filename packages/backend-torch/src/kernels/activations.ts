import type { Operator, Value } from '../sequence.js'

export type Activation = 'gelu' | 'quickGelu'

// x s(1.702 x) = silu(1.702 x) / 1.702, so that libtorch's own pair of operators does it.
const QUICK = 1.702

/** Puts an activation into a sequence. */
export const activate = (op: Operator, kind: Activation, x: Value): Value =>
  kind === 'gelu' ? op('gelu', x) : op('mul_.Scalar', op('silu', op('mul.Scalar', x, QUICK)), 1 / QUICK)

/** And its gradient, where `dy` is that of its result. */
export const activateBackward = (op: Operator, kind: Activation, dy: Value, x: Value): Value =>
  kind === 'gelu' ? op('gelu_backward', dy, x) : op('silu_backward', dy, op('mul.Scalar', x, QUICK))
