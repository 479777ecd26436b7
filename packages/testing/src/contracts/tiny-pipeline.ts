import { add, memory, mul, type Scalar, sum, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core'
import { compose } from '@unidiag/core/compose'
import { computeGradients } from '@unidiag/core/nn/compute-gradients'
import { type Parameter, ParameterStore } from '@unidiag/core/nn/parameter'
import type { Pipeline } from '@unidiag/core/pipeline'
import type { AnyPlugin } from '@unidiag/core/plugin'
import { expect } from 'vitest'
import { tinyPlugins } from '../tiny-plugins.js'

const rest = (plugins: readonly AnyPlugin[]): AnyPlugin[] => {
  const replaced = new Set(plugins.map((plugin) => plugin.definition.provides))
  return tinyPlugins({ dropout: 0 }).filter((plugin) => !replaced.has(plugin.definition.provides))
}

/** Uses the tiny model and data with some plugins in place of its own ones, and closes the pipeline. */
export async function withTiny<T>(plugins: readonly AnyPlugin[], use: (pipeline: Pipeline) => T | Promise<T>, seed = 1): Promise<T> {
  const pipeline = await compose({ plugins: [...rest(plugins), ...plugins], seed })
  try {
    return await use(pipeline)
  } finally {
    await pipeline.close()
  }
}

/** The parameters of a pipeline of `withTiny` that are the plugins' own. */
export async function ownParameters(pipeline: Pipeline, plugins: readonly AnyPlugin[]): Promise<Parameter[]> {
  const bare = await compose({ plugins: rest(plugins) })
  const others = new Set(
    bare
      .get(ParameterStore)
      .all()
      .map((parameter) => parameter.name),
  )
  await bare.close()
  return pipeline
    .get(ParameterStore)
    .all()
    .filter((parameter) => !others.has(parameter.name))
}

/** A loss that every element of an output enters with a weight of its own: a plain sum would hide what normalisation leaves constant. */
export function weighted(...outputs: Tensor[]): Scalar {
  const terms = outputs.map((y, n) =>
    sum(
      mul(
        y,
        tensor(
          Float32Array.from({ length: y.size }, (_, i) => Math.sin(1 + i + n)),
          y.shape,
        ),
      ),
    ),
  )
  return terms.reduce((a, b) => add(a, b)) as Scalar
}

/** Gradients of a loss, read back, by parameter name. */
export function gradientsOf(parameters: readonly Parameter[], loss: () => Scalar): ReadonlyMap<string, Float32Array> {
  const { losses, gradients } = computeGradients(parameters, () => ({ total: loss(), parts: {} }))
  losses.values.dispose()
  const read = new Map([...gradients].map(([name, gradient]) => [name, Float32Array.from(gradient.dataSync())]))
  for (const gradient of gradients.values()) gradient.dispose()
  return read
}

/** @param except parameters that the loss of the check is right not to depend on */
export function expectGradientReaches(parameters: readonly Parameter[], loss: () => Scalar, except: readonly string[] = []): void {
  const trainable = parameters.filter((parameter) => parameter.trainable && !except.includes(parameter.name))
  const gradients = gradientsOf(trainable, loss)
  const unreached = trainable.filter((parameter) => !gradients.get(parameter.name)?.some((x) => x !== 0))
  expect(
    unreached.map((parameter) => parameter.name),
    'parameters without a gradient',
  ).toEqual([])
  for (const [name, gradient] of gradients) expect(gradient.every(Number.isFinite), `gradient of ${name} is finite`).toBe(true)
}

/** Runs `f` in a scope of its own and checks that it leaves no tensor behind. */
export function expectNoLeak(f: () => unknown): void {
  const before = memory().numTensors
  tidy(() => void f())
  expect(memory().numTensors, 'tensors alive').toBe(before)
}

export function expectFinite(y: Tensor, shape: readonly number[]): void {
  expect(y.shape).toEqual(shape)
  expect((y.dataSync() as Float32Array).every(Number.isFinite), 'every value is finite').toBe(true)
}
