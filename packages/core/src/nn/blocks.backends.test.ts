import {
  memory,
  mul,
  ones as onesTensor,
  randomNormal,
  type Scalar,
  slice,
  square,
  sum,
  type Tensor,
  type Tensor2D,
  type Tensor3D,
  tensor,
  tidy,
} from '@tensorflow/tfjs-core'
import { describeBackends } from '@unidiag/testing/backends'
import { expectClose } from '@unidiag/testing/operator'
import { expect, it } from 'vitest'
import { Random } from '../random.js'
import { additiveMask } from './attention.js'
import { computeGradients } from './compute-gradients.js'
import { Embedding } from './embedding.js'
import { Forward, inference } from './forward.js'
import { Linear } from './linear.js'
import { normal, Parameters } from './parameter.js'
import { PostNormBlock } from './post-norm-block.js'
import { PreNormBlock } from './pre-norm-block.js'

const training = () => new Forward({ training: true, rng: (call) => new Random(1).rng(call) })
const store = () => new Parameters(new Random(0))
const tokens = (length: number, width: number, batch = 2) => randomNormal([batch, length, width], 0, 1, 'float32', 7 + length) as Tensor3D

function gradientNames(parameters: Parameters, f: () => Tensor): string[] {
  const { gradients } = computeGradients(parameters.all(), () => ({ total: sum(square(f())) as Scalar, parts: {} }))
  const reached = [...gradients].filter(([, gradient]) => gradient.dataSync().some((x) => x !== 0)).map(([name]) => name)
  for (const gradient of gradients.values()) gradient.dispose()
  return reached
}

const postNorm = { width: 8, heads: 2, ffn: 12, eps: 1e-12, dropout: 0.5, init: normal(0.5) }
const mask = () => additiveMask(tensor([1, 1, 1, 0, 0, 1, 1, 1, 1, 1], [2, 5]) as Tensor2D)

describeBackends('blocks', () => {
  it('additiveMask is 0 at tokens and -10000 at padding', () =>
    tidy(() => {
      expect(mask().shape).toEqual([2, 5])
      expect([...mask().dataSync()].map((x) => x + 0)).toEqual([0, 0, 0, -10000, -10000, 0, 0, 0, 0, 0])
    }))

  it('PreNormBlock has the names of CLIP, and a gradient for each', () => {
    const parameters = store()
    const block = new PreNormBlock(parameters, 'x', 8, 2, { init: normal(0.5) })
    const names = ['attn.in_proj_weight', 'attn.in_proj_bias', 'attn.out_proj.weight', 'attn.out_proj.bias', 'ln_1.weight', 'ln_1.bias', 'mlp.c_fc.weight']
      .concat('mlp.c_fc.bias', 'mlp.c_proj.weight', 'mlp.c_proj.bias', 'ln_2.weight', 'ln_2.bias')
      .map((name) => `x.${name}`)
    expect(parameters.all().map((p) => p.name)).toEqual(names)
    const before = memory().numTensors
    tidy(() => {
      const x = tokens(3, 8)
      expect(block.apply(x, inference()).shape).toEqual([2, 3, 8])
      expect(gradientNames(parameters, () => block.apply(x, training()))).toEqual(names)
    })
    expect(memory().numTensors).toBe(before)
    parameters.dispose()
  })

  it('PreNormBlock draws the stacked projections Xavier-uniformly', () => {
    const parameters = store()
    new PreNormBlock(parameters, 'x', 32, 2)
    const values = parameters.get('x.attn.in_proj_weight').value.dataSync()
    const bound = Math.sqrt(6 / (32 + 96))
    expect(Math.max(...values)).toBeLessThanOrEqual(bound)
    expect(Math.max(...values)).toBeGreaterThan(0.98 * bound)
    expect(Math.min(...values)).toBeLessThan(-0.98 * bound)
    parameters.dispose()
  })

  it('PostNormBlock has the names of BERT, and a gradient for each', () => {
    const parameters = store()
    const block = new PostNormBlock(parameters, 'x', { ...postNorm, cross: { width: 6 } })
    expect(parameters.all()).toHaveLength(26)
    expect(parameters.get('x.crossattention.self.key.weight').shape).toEqual([6, 8])
    expect(parameters.has('x.attention.output.LayerNorm.weight')).toBe(true)
    const before = memory().numTensors
    tidy(() => {
      const cross = { context: tokens(4, 6) }
      expect(block.apply(tokens(5, 8), mask(), inference(), cross).shape).toEqual([2, 5, 8])
      const reached = gradientNames(parameters, () => mul(block.apply(tokens(5, 8), mask(), training(), cross), tokens(5, 8)))
      // The softmax does not see what is added to all keys alike.
      const without = parameters.all().filter((p) => !p.name.endsWith('key.bias'))
      expect(reached).toEqual(expect.arrayContaining(without.map((p) => p.name)))
    })
    expect(memory().numTensors).toBe(before)
    parameters.dispose()
  })

  it('masked tokens change no other token', () => {
    const parameters = store()
    const block = new PostNormBlock(parameters, 'x', { ...postNorm, cross: { width: 6 } })
    tidy(() => {
      const x = tokens(5, 8)
      // Places 3 and 4 of the first sample are padding, in x and in the context.
      const changed = mul(x, tensor([1, 1, 1, 9, -9, 1, 1, 1, 1, 1], [2, 5, 1])) as Tensor3D
      const context = tokens(5, 6)
      const changedContext = mul(context, tensor([1, 1, 1, 9, -9, 1, 1, 1, 1, 1], [2, 5, 1])) as Tensor3D
      const first = (y: Tensor) => slice(y, [0, 0, 0], [1, 3, 8]).dataSync()
      const y = block.apply(x, mask(), inference(), { context, mask: mask() })
      expectClose(first(block.apply(changed, mask(), inference(), { context: changedContext, mask: mask() })), first(y), 1e-6)
      expect([...first(block.apply(changed, undefined, inference(), { context }))]).not.toEqual([...first(y)])
    })
    parameters.dispose()
  })

  it('dropout is on in training only', () => {
    const parameters = store()
    const block = new PostNormBlock(parameters, 'x', postNorm)
    tidy(() => {
      const x = tokens(5, 8)
      const run = (forward: Forward) => [...block.apply(x, undefined, forward).dataSync()]
      expect(run(inference())).toEqual(run(inference()))
      expect(run(training())).toEqual(run(training()))
      expect(run(training())).not.toEqual(run(inference()))
    })
    parameters.dispose()
  })

  it('shows blocks and attention probabilities to a pass that taps', () => {
    const parameters = store()
    const block = new PostNormBlock(parameters, 'x', postNorm)
    const seen = new Map<string, Tensor>()
    tidy(() => {
      const forward = new Forward({ training: false, tap: (name, value) => seen.set(name, value) })
      const y = block.apply(tokens(5, 8), mask(), forward, undefined, { self: 'probabilities' })
      expect(seen.get('x')).toBe(y)
      const probabilities = seen.get('probabilities')!
      expect(probabilities.shape).toEqual([2, 2, 5, 5])
      expectClose(sum(probabilities, -1).dataSync(), onesTensor([20]).dataSync(), 1e-6)
      expect(probabilities.dataSync()[3]).toBe(0)
    })
    parameters.dispose()
  })

  it('Linear and Embedding have the parameters they are told to', () => {
    const parameters = store()
    new Linear(parameters, 'plain', 3, 2, { bias: false })
    const table = new Embedding(parameters, 'table', 4, 2, { padIndex: 1 })
    expect(parameters.all().map((p) => p.name)).toEqual(['plain.weight', 'table.weight'])
    expect(parameters.export().get('plain.weight')?.shape).toEqual([2, 3])
    tidy(() => {
      const ids = tensor([0, 1, 1, 3], [2, 2], 'int32')
      const { gradients } = computeGradients(parameters.all(), () => ({ total: sum(table.lookup(ids)) as Scalar, parts: {} }))
      expect([...gradients.get('table.weight')!.dataSync()]).toEqual([1, 1, 0, 0, 0, 0, 1, 1])
    })
    parameters.dispose()
  })
})
