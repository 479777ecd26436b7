import type { Rule } from './rule.js'

const hub = (pattern: string) => new RegExp(`^(?:(?:roberta|bert)\\.)?${pattern}$`)

/** HuggingFace's RoBERTa, and BERT and SciBERT that have the same layers, with and without the prefix `roberta.` or `bert.` (names of the hub). */
export const hfTextRules: readonly Rule[] = [
  { from: hub('embeddings\\.(position|token_type)_ids'), skip: 'a buffer of indices' },
  { from: hub('pooler\\..+'), skip: "a dead weight: the text encoder's own pooler is never used" },
  { from: /^(lm_head|cls)\./, skip: 'the reference starts its language-model head anew' },
  // What was converted from TensorFlow calls the weights of a LayerNorm gamma and beta.
  { from: hub('(embeddings|encoder\\.layer)\\.(.+)\\.gamma'), to: 'language_encoder.$1.$2.weight' },
  { from: hub('(embeddings|encoder\\.layer)\\.(.+)\\.beta'), to: 'language_encoder.$1.$2.bias' },
  { from: hub('(embeddings|encoder\\.layer)\\.(.+)'), to: 'language_encoder.$1.$2' },
]
