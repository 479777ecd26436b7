import type { Sample } from '../contracts/dataset.js'
import type { Tokenizer } from '../contracts/tokenizer.js'
import { batchKeys } from './batch-keys.js'
import type { HostArray } from './host-array.js'

/**
 * Texts as padded rows: ids and padding mask, `[B, L]` int32. A text longer than `length` is cut, keeping its end token if it has one.
 * @param padded L is `length`; otherwise it is that of the longest text
 */
export function textRows(samples: readonly Sample[], tokenizer: Tokenizer, length: number, padded = true): Record<string, HostArray> {
  const { eos, pad } = tokenizer.special
  const rows = samples.map(({ text }) => {
    const encoded = tokenizer.encode(text)
    const end = encoded.length > length && eos !== undefined ? [eos] : []
    return [...encoded.slice(0, length - end.length), ...end]
  })
  const width = padded ? length : Math.max(...rows.map((row) => row.length))
  const shape = [samples.length, width]
  const ids = new Int32Array(samples.length * width).fill(pad)
  const mask = new Int32Array(samples.length * width)
  for (const [i, row] of rows.entries()) {
    ids.set(row, i * width)
    mask.fill(1, i * width, i * width + row.length)
  }
  return { [batchKeys.textIds]: { data: ids, shape }, [batchKeys.textMask]: { data: mask, shape } }
}
