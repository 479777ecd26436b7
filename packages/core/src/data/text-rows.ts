import type { Sample } from '../contracts/dataset.js'
import type { Tokenizer } from '../contracts/tokenizer.js'
import { batchKeys } from './batch-keys.js'
import type { HostArray } from './host-array.js'

/** Texts as padded rows: ids and padding mask, `[B, length]` int32. A longer text is cut, keeping its end token if it has one. */
export function textRows(samples: readonly Sample[], tokenizer: Tokenizer, length: number): Record<string, HostArray> {
  const { eos, pad } = tokenizer.special
  const shape = [samples.length, length]
  const ids = new Int32Array(samples.length * length).fill(pad)
  const mask = new Int32Array(samples.length * length)
  for (const [row, { text }] of samples.entries()) {
    const encoded = tokenizer.encode(text)
    const end = encoded.length > length && eos !== undefined ? [eos] : []
    const kept = [...encoded.slice(0, length - end.length), ...end]
    ids.set(kept, row * length)
    mask.fill(1, row * length, row * length + kept.length)
  }
  return { [batchKeys.textIds]: { data: ids, shape }, [batchKeys.textMask]: { data: mask, shape } }
}
