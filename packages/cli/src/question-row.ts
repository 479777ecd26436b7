import type { Sample } from '@unidiag/core/contracts/dataset'
import type { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import type { HostArray } from '@unidiag/core/data/host-array'
import { textRows } from '@unidiag/core/data/text-rows'
import { UniDiagError } from '@unidiag/core/errors'

/**
 * One question as ids and mask `[1, length]`. Unlike a training text it is not cut: a question without its end is another question.
 * @throws UniDiagError TEXT_EMPTY, TEXT_TOO_LONG
 */
export function questionRow(question: Sample, tokenizer: Tokenizer, length: number): Record<string, HostArray> {
  if (question.text.trim() === '') throw new UniDiagError('TEXT_EMPTY', 'the question has no text', { fix: 'Give a question, such as "is there a fracture?".' })
  const tokens = tokenizer.encode(question.text).length
  if (tokens > length)
    throw new UniDiagError('TEXT_TOO_LONG', `the question has ${tokens} tokens, start and end included; the model was tuned on at most ${length}`, {
      fix: `Shorten the question by ${tokens - length} tokens or more, or tune a model with a larger \`maxLength\`.`,
    })
  return textRows([question], tokenizer, length)
}
