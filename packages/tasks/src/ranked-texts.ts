import type { Sample } from '@unidiag/core/contracts/dataset'
import type { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import type { BatchDraft } from '@unidiag/core/data/batch-draft'
import { batchKeys } from '@unidiag/core/data/batch-keys'
import { textRows } from '@unidiag/core/data/text-rows'
import { UniDiagError } from '@unidiag/core/errors'

/** Key of the texts that are ranked for each image (`View.textKey`). */
export const rankedTexts = 'irtr.texts'

/**
 * Adds `irtr.texts.ids` and `irtr.texts.mask` `[B * (1 + N), L]`: for each image its own text, then N drawn uniformly from the pool (reference: objectives.py).
 * @param excludeSelf draws texts of other images only; the reference may draw the true one again
 * @throws UniDiagError NO_SAMPLES when there is no text of another image
 */
export function addRankedTexts(draft: BatchDraft, tokenizer: Tokenizer, negatives: number, excludeSelf: boolean): void {
  const texts = draft.samples.flatMap((sample) => [sample, ...drawOthers(draft, sample, negatives, excludeSelf)])
  // Drawn texts may be longer than those of the batch.
  const isPadded = draft.arrays[batchKeys.textIds].shape[1] === draft.maxLength
  const rows = textRows(texts, tokenizer, draft.maxLength, isPadded)
  draft.arrays[`${rankedTexts}.ids`] = rows[batchKeys.textIds]
  draft.arrays[`${rankedTexts}.mask`] = rows[batchKeys.textMask]
}

function drawOthers({ pool, rng }: BatchDraft, sample: Sample, negatives: number, excludeSelf: boolean): Sample[] {
  const allowed = ({ imageId, text }: Sample): boolean => text.trim() !== '' && (!excludeSelf || imageId !== sample.imageId)
  if (!pool.some(allowed)) throw new UniDiagError('NO_SAMPLES', `the split has no text of another image than that of ${sample.id} to rank against`)
  const draws = rng('irtr-negatives', sample.id)
  const drawn: Sample[] = []
  while (drawn.length < negatives) {
    const candidate = pool[draws.int(pool.length)]
    if (allowed(candidate)) drawn.push(candidate)
  }
  return drawn
}
