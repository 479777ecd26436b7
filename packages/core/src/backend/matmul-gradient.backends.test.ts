import { matMul } from '@tensorflow/tfjs-core'
import { describeBackends } from '@unidiag/testing/backends'
import { checkOperator } from '@unidiag/testing/operator'
import { it } from 'vitest'

describeBackends("tfjs's matmul", () => {
  for (const [transposeA, transposeB] of [
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])
    it(`has a gradient with flags ${transposeA}, ${transposeB}`, () =>
      checkOperator({
        inputs: { a: { shape: transposeA ? [2, 3, 4] : [2, 4, 3] }, b: { shape: transposeB ? [2, 5, 3] : [2, 3, 5] } },
        apply: ({ a, b }) => matMul(a, b, transposeA, transposeB),
        reference: ({ a, b }) =>
          Float64Array.from({ length: 40 }, (_, at) => {
            const [batch, i, j] = [Math.floor(at / 20), Math.floor(at / 5) % 4, at % 5]
            let total = 0
            for (let k = 0; k < 3; k++) total += a[batch * 12 + (transposeA ? k * 4 + i : i * 3 + k)] * b[batch * 15 + (transposeB ? j * 3 + k : k * 5 + j)]
            return total
          }),
      }))
})
