import { matMul, type NamedAttrMap, registerGradient, type Tensor, transpose } from '@tensorflow/tfjs-core'

/**
 * The gradient of tfjs's matmul uses transpose flags, which leave the fast path of the wasm backend (some ten times slower);
 * this one transposes explicitly.
 */
export function registerMatMulGradient(): void {
  registerGradient({
    kernelName: 'BatchMatMul',
    inputsToSave: ['a', 'b'],
    gradFunc: (dy: Tensor | Tensor[], [a, b]: Tensor[], attrs: NamedAttrMap) => {
      const { transposeA, transposeB } = attrs as { transposeA: boolean; transposeB: boolean }
      const flip = (x: Tensor, really = true): Tensor => (really ? transpose(x, [...x.shape.keys()].slice(0, -2).concat(x.rank - 1, x.rank - 2)) : x)
      return {
        // y = A B with A = a or its transpose: dA = dy B^T, dB = A^T dy
        a: () => flip(matMul(dy as Tensor, flip(b, !transposeB)), transposeA),
        b: () => flip(matMul(flip(a, !transposeA), dy as Tensor), transposeB),
      }
    },
  })
}
