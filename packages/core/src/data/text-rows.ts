import type { Sample } from '../contracts/dataset.js'
import type { Tokenizer } from '../contracts/tokenizer.js'
import { batchKeys } from './batch-keys.js'
import type { HostArray } from './host-array.js'

/** Texts as padded rows: ids and padding mask, `[B, length]` int32. A longer text is cut, keeping its end token. */
export function textRows(samples: readonly Sample[], tokenizer: Tokenizer, length: number): Record<string, HostArray> {
  const shape = [samples.length, length]
  const ids = new Int32Array(samples.length * length).fill(tokenizer.special.pad)
  const mask = new Int32Array(samples.length * length)
  for (const [row, { text }] of samples.entries()) {
    const encoded = tokenizer.encode(text)
    const kept = encoded.length > length ? [...encoded.slice(0, length - 1), tokenizer.special.eos] : encoded
    ids.set(kept, row * length)
    mask.fill(1, row * length, row * length + kept.length)
  }
  return { [batchKeys.textIds]: { data: ids, shape }, [batchKeys.textMask]: { data: mask, shape } }
}
