import { add, memory, mul, type Scalar, square, sum } from '@tensorflow/tfjs-core'
import { describeBackends } from '@unidiag/testing/backends'
import { expect, it } from 'vitest'
import { linear } from '../ops/linear.js'
import { Random } from '../random.js'
import { computeGradients, readLosses } from './compute-gradients.js'
import { noGrad } from './no-grad.js'
import { ones, Parameters } from './parameter.js'

function setUp() {
  const parameters = new Parameters(new Random(0))
  for (const name of ['a', 'b', 'unused', 'frozen']) parameters.create(name, [2], ones, { trainable: name !== 'frozen' })
  const value = (name: string) => parameters.get(name).value
  const loss = () => {
    const first = sum(mul(value('a'), 3)) as Scalar
    const second = sum(mul(square(value('b')), value('frozen'))) as Scalar
    return { total: add(first, second) as Scalar, parts: { first, second } }
  }
  return { parameters, value, loss }
}

describeBackends('computeGradients', () => {
  it('gives losses and the gradients that exist', () => {
    const { parameters, loss } = setUp()
    const before = memory().numTensors
    const { losses, gradients } = computeGradients(parameters.all(), loss)
    expect(memory().numTensors).toBe(before + 3)
    expect(readLosses(losses)).toEqual({ first: 6, second: 2, total: 8 })
    expect(Object.fromEntries([...gradients].map(([name, g]) => [name, [...g.dataSync()]]))).toEqual({ a: [3, 3], b: [2, 2] })
    expect(memory().numTensors).toBe(before + 2)
    for (const gradient of gradients.values()) gradient.dispose()
    expect(memory().numTensors).toBe(before)
    parameters.dispose()
  })

  it('takes no gradient through noGrad', () => {
    const { parameters, value } = setUp()
    const { gradients } = computeGradients(parameters.all(), () => {
      const held = noGrad(() => square(value('a')))
      return { total: sum(mul(held, value('b'))) as Scalar, parts: {} }
    })
    expect([...gradients.keys()]).toEqual(['b'])
    for (const gradient of gradients.values()) gradient.dispose()
    parameters.dispose()
  })

  it('leaves nothing behind when the forward pass throws', () => {
    const { parameters } = setUp()
    const weight = parameters.create('w', [2, 2], ones)
    const before = memory()
    const broken = () => {
      linear(square(weight.value), weight.value as never)
      throw new Error('broken')
    }
    expect(() => computeGradients(parameters.all(), broken)).toThrow('broken')
    expect(memory()).toMatchObject({ numTensors: before.numTensors, numDataBuffers: before.numDataBuffers })
    // and the next step works
    const { gradients } = computeGradients(parameters.all(), () => ({ total: sum(weight.value) as Scalar, parts: {} }))
    expect([...gradients.keys()]).toEqual(['w'])
    for (const gradient of gradients.values()) gradient.dispose()
    parameters.dispose()
  })

  it('leaves nothing behind when the backward pass throws', async () => {
    const { differentiable } = await import('../ops/fused.js')
    const { parameters, value } = setUp()
    const before = memory()
    const broken = () => {
      const y = differentiable(
        { x: value('a') },
        (save) => {
          save([value('a')])
          return square(value('a'))
        },
        () => {
          throw new Error('broken')
        },
      )
      return { total: sum(y) as Scalar, parts: {} }
    }
    expect(() => computeGradients(parameters.all(), broken)).toThrow('broken')
    expect(memory()).toMatchObject({ numTensors: before.numTensors, numDataBuffers: before.numDataBuffers })
    parameters.dispose()
  })
})
