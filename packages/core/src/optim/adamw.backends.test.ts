import { memory, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core'
import { describeBackends } from '@unidiag/testing/backends'
import { expectClose } from '@unidiag/testing/operator'
import { expect, it } from 'vitest'
import { type Init, Parameters } from '../nn/parameter.js'
import { Random } from '../random.js'
import { AdamW } from './adamw.js'

const betas = [0.9, 0.98] as const
const eps = 1e-8
const values: Init = (_, size) => Float32Array.from({ length: size }, (_, i) => Math.cos(3 * i) + 0.2)
const gradient = (step: number) => (i: number) => (i === 2 ? 1e-7 : 1) * Math.sin(step * 1.7 + i)

/** The update in double precision, as the reference's library writes it: eps before the bias correction, decay after the update. */
function reference(at: number[], rates: readonly number[], weightDecay: number): number[] {
  const p = [...at]
  const m = p.map(() => 0)
  const v = p.map(() => 0)
  for (const [step, rate] of rates.entries()) {
    const t = step + 1
    for (let i = 0; i < p.length; i++) {
      const g = gradient(step)(i)
      m[i] = betas[0] * m[i] + (1 - betas[0]) * g
      v[i] = betas[1] * v[i] + (1 - betas[1]) * g * g
      const denominator = Math.sqrt(v[i]) + eps
      p[i] -= ((rate * Math.sqrt(1 - betas[1] ** t)) / (1 - betas[0] ** t)) * (m[i] / denominator)
      p[i] -= rate * weightDecay * p[i]
    }
  }
  return p
}

function setUp(trained = ['w', 'b', 'idle']) {
  const parameters = new Parameters(new Random(0))
  for (const name of trained) parameters.create(name, name === 'w' ? [2, 3] : [5], values, name === 'w' ? { layout: 'linear' } : {})
  const groups = [
    { parameters: [parameters.get('w')], learningRate: 0.01, weightDecay: 0.1 },
    { parameters: [parameters.get('b'), parameters.get('idle')], learningRate: 0.02, weightDecay: 0 },
  ]
  return { parameters, optimizer: new AdamW(groups, { betas, eps }) }
}

const gradients = (step: number, names = ['w', 'b']): Map<string, Tensor> =>
  new Map(
    names.map((name) => [
      name,
      name === 'w'
        ? tensor(
            Float32Array.from({ length: 6 }, (_, i) => gradient(step)(i)),
            [2, 3],
          )
        : tensor(Float32Array.from({ length: 5 }, (_, i) => gradient(step)(i))),
    ]),
  )

describeBackends('AdamW', () => {
  it('is the reference update, with a scheduled rate per group', () => {
    const { parameters, optimizer } = setUp()
    const factors = [0, 1, 0.5, 0.25]
    for (const [step, factor] of factors.entries()) tidy(() => optimizer.step(gradients(step), factor))
    const start = (size: number) => [...values(undefined as never, size)]
    expectClose(
      parameters.get('w').value.dataSync(),
      reference(
        start(6),
        factors.map((f) => 0.01 * f),
        0.1,
      ),
      2e-6,
    )
    expectClose(
      parameters.get('b').value.dataSync(),
      reference(
        start(5),
        factors.map((f) => 0.02 * f),
        0,
      ),
      2e-6,
    )
    optimizer.dispose()
    parameters.dispose()
  })

  it('leaves parameters without a gradient, and frozen ones, untouched', () => {
    const { parameters, optimizer } = setUp()
    parameters.get('w').trainable = false
    tidy(() => optimizer.step(gradients(0), 1))
    expect([...parameters.get('idle').value.dataSync()]).toEqual([...values(undefined as never, 5)])
    expect([...parameters.get('w').value.dataSync()]).toEqual([...values(undefined as never, 6)])
    expect(Object.keys(optimizer.state().steps)).toEqual(['b'])
    optimizer.dispose()
    parameters.dispose()
  })

  it('corrects the bias by the updates that a parameter had', () => {
    const { parameters, optimizer } = setUp()
    const { parameters: late, optimizer: lateOptimizer } = setUp()
    tidy(() => optimizer.step(gradients(0, ['w']), 1))
    tidy(() => optimizer.step(gradients(0), 1))
    tidy(() => lateOptimizer.step(gradients(0), 1))
    expect([...parameters.get('b').value.dataSync()]).toEqual([...late.get('b').value.dataSync()])
    expect(optimizer.state().steps).toEqual({ w: 2, b: 1 })
    for (const x of [optimizer, parameters, lateOptimizer, late]) x.dispose()
  })

  it('goes on bit for bit from its state', () => {
    const { parameters, optimizer } = setUp()
    for (let step = 0; step < 2; step++) tidy(() => optimizer.step(gradients(step), 1))
    const state = optimizer.state()
    expect(state.tensors.get('exp_avg.w')?.shape).toEqual([3, 2])
    const saved = parameters.export()
    tidy(() => optimizer.step(gradients(2), 1))

    const { parameters: others, optimizer: resumed } = setUp()
    others.load(saved)
    resumed.restore(state)
    tidy(() => resumed.step(gradients(2), 1))
    for (const name of ['w', 'b']) expect([...others.get(name).value.dataSync()]).toEqual([...parameters.get(name).value.dataSync()])
    for (const x of [optimizer, parameters, resumed, others]) x.dispose()
  })

  it('refuses a state of another size', () => {
    const { parameters, optimizer } = setUp()
    const moments = { shape: [4], data: new Float32Array(4) }
    const state = {
      steps: { b: 1 },
      tensors: new Map([
        ['exp_avg.b', moments],
        ['exp_avg_sq.b', moments],
      ]),
    }
    expect(() => optimizer.restore(state)).toThrow(expect.objectContaining({ code: 'CHECKPOINT_MISMATCH' }))
    optimizer.dispose()
    parameters.dispose()
  })

  it('holds two moments a parameter, and nothing when disposed', () => {
    const { parameters, optimizer } = setUp()
    const before = memory().numTensors
    for (let step = 0; step < 3; step++) tidy(() => optimizer.step(gradients(step), 1))
    expect(memory().numTensors).toBe(before + 4)
    optimizer.dispose()
    expect(memory().numTensors).toBe(before)
    parameters.dispose()
  })
})
