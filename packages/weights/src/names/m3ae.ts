import type { Rule } from './rule.js'

/** The averaged teacher that UMD keeps in its checkpoints. */
export const teacherPrefix = 'ema.module.'

/** Checkpoints of M3AE and UMD, and those made here, which have the same names (the reference's names). */
export const m3aeRules: readonly Rule[] = [
  { from: /^vision_encoder\.(positional_embedding|(token_embedding|ln_final)\..+)$/, skip: "a dead weight: CLIP's text tower is never used" },
  { from: /^language_encoder\.pooler\..+$/, skip: "a dead weight: the text encoder's own pooler is never used" },
  { from: /^language_encoder\.embeddings\.position_ids$/, skip: 'a buffer of indices' },
  { from: /^optimizer\./, skip: 'a moment of the optimiser' },
  { from: /^.+$/, to: '$&' },
]

/** Names of M3AE and UMD that a forward pass uses (the reference's names); everything else is ours. */
const m3aeNames: readonly RegExp[] = [
  /^vision_encoder\.visual\.(class_embedding|positional_embedding|conv1\.weight|ln_(pre|post)\.(weight|bias))$/,
  /^vision_encoder\.visual\.transformer\.resblocks\.\d+\.(attn\.in_proj_(weight|bias)|(attn\.out_proj|ln_[12]|mlp\.c_(fc|proj))\.(weight|bias))$/,
  /^language_encoder\.embeddings\.((word|position|token_type)_embeddings\.weight|LayerNorm\.(weight|bias))$/,
  /^(language_encoder\.encoder\.layer|multi_modal_(vision|language)_layers)\.\d+\.(attention|crossattention|intermediate|output)\..+\.(weight|bias)$/,
  /^multi_modal_(language|vision)_(proj|pooler\.dense)\.(weight|bias)$/,
  /^modality_type_embeddings\.weight$/,
  /^mlm_head\.(bias|decoder\.weight|transform\.(dense|LayerNorm)\.(weight|bias))$/,
  /^mim_head\.(mask_token|decoder_pos_embed|decoder_(embed|norm|pred)\.(weight|bias)|decoder\.resblocks\.\d+\..+)$/,
  /^(itm_head\.fc|feal_proj|irtr_head|(vqa|cls)_head\.[013])\.(weight|bias)$/,
]

export const isM3aeName = (name: string): boolean => m3aeNames.some((pattern) => pattern.test(name))
