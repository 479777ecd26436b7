/**
 * Weights that the reference stores and never uses: CLIP's text part and RoBERTa's pooler (the reference's names). UniDiag does not create them.
 */
export const isDeadWeight = (name: string): boolean =>
  name === 'vision_encoder.positional_embedding' ||
  name === 'vision_encoder.token_embedding.weight' ||
  name.startsWith('vision_encoder.ln_final.') ||
  name.startsWith('language_encoder.pooler.')
