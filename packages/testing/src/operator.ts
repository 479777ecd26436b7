import { engine, memory, mul, type Scalar, sum, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core'
import { expect } from 'vitest'

/** An argument of an operator: values drawn from a fixed sequence, or given. Only drawn arguments are differentiated. */
export interface Argument {
  readonly shape: readonly number[]
  readonly values?: readonly number[]
  readonly dtype?: 'float32' | 'int32'
}

export interface OperatorCheck<A extends Record<string, Argument>> {
  readonly inputs: A
  readonly apply: (inputs: { [K in keyof A]: Tensor }) => Tensor
  /** The same in double precision on flat arrays; returns the flat output. */
  readonly reference: (inputs: { [K in keyof A]: Float64Array }) => ArrayLike<number>
  /** Largest difference relative to the largest value; 1e-5 when left out. */
  readonly tolerance?: number
}

/**
 * Checks an operator against a reference in double precision: its output, its gradient with respect to every drawn input (central
 * differences of the reference), and that it leaves no tensor behind.
 */
export function checkOperator<A extends Record<string, Argument>>({ inputs, apply, reference, tolerance = 1e-5 }: OperatorCheck<A>): void {
  const draw = sequence()
  const names = Object.keys(inputs) as (keyof A & string)[]
  const host = {} as { [K in keyof A]: Float64Array }
  for (const name of names) {
    const { shape, values } = inputs[name]
    // As float32, so that both sides start from the same numbers.
    host[name] = Float64Array.from(Float32Array.from(values ?? Array.from({ length: size(shape) }, draw)))
  }
  const expected = Float64Array.from(reference(host))
  const weights = Float64Array.from(Float32Array.from(expected, draw))
  const loss = () => Float64Array.from(reference(host)).reduce((total, y, i) => total + y * weights[i], 0)

  const before = memory().numTensors
  tidy(() => {
    const tensors = {} as { [K in keyof A]: Tensor }
    for (const name of names) tensors[name] = tensor(Float32Array.from(host[name]), inputs[name].shape as number[], inputs[name].dtype ?? 'float32')
    let output: Float32Array = new Float32Array()
    const drawn = names.filter((name) => !inputs[name].values)
    const { grads } = engine().gradients(
      () => {
        const y = apply(tensors)
        output = y.dataSync() as Float32Array
        return sum(mul(y, tensor(Float32Array.from(weights), y.shape))) as Scalar
      },
      drawn.map((name) => tensors[name]),
    )
    expectClose(output, expected, tolerance, 'output')
    for (const [i, name] of drawn.entries()) expectClose(grads[i].dataSync(), differences(loss, host[name]), 10 * tolerance, `gradient of ${name}`)
  })
  expect(memory().numTensors).toBe(before)
}

/** @param tolerance of the largest difference, relative to the largest expected value */
export function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number, what = 'values'): void {
  expect(actual.length, `number of ${what}`).toBe(expected.length)
  let largest = 1e-3
  for (let i = 0; i < expected.length; i++) largest = Math.max(largest, Math.abs(expected[i]))
  let worst = 0
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]) / largest
    if (!(difference <= worst)) worst = difference
  }
  expect(worst, `relative error of ${what}`).toBeLessThan(tolerance)
}

function differences(f: () => number, at: Float64Array): Float64Array {
  const h = 1e-5
  return at.map((x, i) => {
    at[i] = x + h
    const above = f()
    at[i] = x - h
    const below = f()
    at[i] = x
    return (above - below) / (2 * h)
  })
}

const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

/** Numbers spread over (-2, 2), the same in every run. */
function sequence(): () => number {
  let n = 0
  return () => {
    n++
    return 4 * ((n * 0.6180339887498949 + 0.37 * Math.sin(n)) % 1) - 2
  }
}
