import { text } from './cells.js'

/** Texts of fewer words are not used by the reference (prepro_pretraining_data.py, prepro_finetuning_data.py). */
const MIN_WORDS = 3

/** The captions among the texts: white space made single blanks, three words or more. */
export function captionsOf(texts: readonly (string | null | undefined)[]): string[] {
  return texts.map((caption) => text.parse(caption ?? '')).filter((caption) => caption.split(' ').length >= MIN_WORDS)
}
