import { add, engine, matMul, memory, mul, reshape, type Scalar, square, sub, sum, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core'
import { describeBackends } from '@unidiag/testing/backends'
import { expect, it } from 'vitest'
import { differentiable } from '../ops/fused.js'
import { linear } from '../ops/linear.js'
import { residual } from '../ops/residual.js'
import { walkBack } from './walk-back.js'

const read = (tensors: (Tensor | undefined)[]) => tensors.map((t) => t && [...t.dataSync()])

describeBackends('walkBack', () => {
  it('gives the gradients that tfjs gives, bit for bit', () =>
    tidy(() => {
      const x = tensor([1, -2, 3, 0.5, 2, -1], [3, 2])
      const w = tensor([0.3, -0.7, 1.1, 0.2], [2, 2])
      const b = tensor([0.1, -0.2])
      // Tensors used several times, a broadcast, a view, an operator of tfjs and of UniDiag, and one that leads nowhere.
      const f = (): Scalar => {
        const y = linear(x, w as never, b as never)
        mul(y, 2)
        const z = residual(add(y, b), reshape(matMul(y, w), [3, 2]))
        return sum(sub(square(z), mul(z, residual(y, y)))) as Scalar
      }
      const { value, gradients } = walkBack(f, [x, w, b])
      const theirs = engine().gradients(f, [x, w, b])
      expect(read([value, ...gradients])).toEqual(read([theirs.value, ...theirs.grads]))
    }))

  it('gives none where there is no path, and one where the tensor is the scalar', () =>
    tidy(() => {
      const [x, other] = [tensor(2), tensor(3)]
      expect(read(walkBack(() => square(x) as Scalar, [other, x]).gradients)).toEqual([undefined, [4]])
      expect(read(walkBack(() => x as Scalar, [x, other]).gradients)).toEqual([[1], undefined])
    }))

  it('passes one gradient on to two tensors that are changed and disposed of apart', () =>
    tidy(() => {
      const [x, y] = [tensor([1, 2]), tensor([3, 4])]
      const { gradients } = walkBack(() => sum(square(residual(x, y))) as Scalar, [x, y])
      gradients[0]?.dispose()
      expect(read([gradients[1]])).toEqual([[8, 12]])
    }))

  it('has disposed of what an operator saved and of its gradient when the one before it is walked', () => {
    const alive: number[] = []
    const watched = (x: Tensor): Tensor =>
      differentiable(
        { x },
        (save) => {
          const twice = mul(x, 2)
          save([twice])
          return mul(twice, 1)
        },
        (dy) => ({
          x: () => {
            alive.push(memory().numTensors)
            return mul(dy, 2)
          },
        }),
      )
    tidy(() => {
      const x = tensor([1, 2, 3])
      walkBack(() => sum(watched(watched(watched(x)))) as Scalar, [x])
    })
    // Each takes one saved tensor away, and leaves as many gradients as before.
    expect(alive.map((count) => count - alive[0])).toEqual([0, -1, -2])
  })

  it('names the operator whose gradient has the wrong shape, and leaves nothing behind', () => {
    const x = tensor([1, 2])
    const before = memory().numTensors
    const broken = () =>
      sum(
        differentiable(
          { x },
          () => mul(x, 2),
          () => ({ x: () => tensor(1) }),
        ),
      ) as Scalar
    expect(() => tidy(() => walkBack(broken, [x]).value)).toThrow('The gradient of UniDiag for its input x has the shape [] instead of [2].')
    expect(memory().numTensors).toBe(before)
    x.dispose()
  })
})
