import { softmaxRow } from './softmax'

/**
 * Labels have to be in [0, n): another one makes the loss NaN. Probabilities, and for each row max - logit of the label, and sum exp(logit - max): the loss is the first plus the log of the second.
 * @param terms [2, rows]
 */
export function crossEntropy(logits: usize, labels: usize, terms: usize, probabilities: usize, rows: i32, n: i32, scratch: usize): void {
  for (let r = 0; r < rows; r++) {
    const row = logits + ((r * n) << 2)
    memory.copy(scratch, row, n << 2)
    const top = softmaxRow(scratch, 0, 1, probabilities + ((r * n) << 2), n)
    const label = load<i32>(labels + (r << 2))
    store<f32>(terms + (r << 2), <u32>label < <u32>n ? top - load<f32>(row + (label << 2)) : NaN)
    store<f32>(terms + ((rows + r) << 2), load<f32>(scratch))
  }
}

/** dLogits = (probabilities - one-hot) dy / rows */
export function crossEntropyGrad(dy: usize, probabilities: usize, labels: usize, dLogits: usize, rows: i32, n: i32): void {
  const scale = load<f32>(dy) / <f32>rows
  const count = rows * n
  let i = 0
  for (; i + 4 <= count; i += 4) v128.store(dLogits + (i << 2), f32x4.mul(v128.load(probabilities + (i << 2)), f32x4.splat(scale)))
  for (; i < count; i++) store<f32>(dLogits + (i << 2), load<f32>(probabilities + (i << 2)) * scale)
  for (let r = 0; r < rows; r++) {
    const label = load<i32>(labels + (r << 2))
    if (<u32>label >= <u32>n) continue
    const at = dLogits + ((r * n + label) << 2)
    store<f32>(at, load<f32>(at) - scale)
  }
}
