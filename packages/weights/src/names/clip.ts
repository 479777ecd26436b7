import type { Rule } from './rule.js'

const visual = 'vision_encoder.visual'
const block = `${visual}.transformer.resblocks.$1`
const deadText = "a dead weight: CLIP's text tower is never used"

/** Blocks of the image tower, here and in every file once it is renamed. */
export const blockName = /^vision_encoder\.visual\.transformer\.resblocks\.(\d+)\./

const hub = (pattern: string) => new RegExp(`^(?:vision_model\\.)?${pattern}$`)

/** HuggingFace's CLIP, whole or its image tower alone, with and without the prefix `vision_model.` (names of the hub). */
export const hfClipRules: readonly Rule[] = [
  { from: /^text_/, skip: deadText },
  { from: /^(visual_projection\.weight|logit_scale)$/, skip: 'the projection and scale of contrastive training are not used' },
  { from: hub('embeddings\\.position_ids'), skip: 'a buffer of indices' },
  { from: hub('embeddings\\.class_embedding'), to: `${visual}.class_embedding` },
  { from: hub('embeddings\\.patch_embedding\\.weight'), to: `${visual}.conv1.weight` },
  { from: hub('embeddings\\.position_embedding\\.weight'), to: `${visual}.positional_embedding` },
  // The spelling is the hub's.
  { from: hub('pre_layrnorm\\.(weight|bias)'), to: `${visual}.ln_pre.$1` },
  { from: hub('post_layernorm\\.(weight|bias)'), to: `${visual}.ln_post.$1` },
  { from: hub('encoder\\.layers\\.(\\d+)\\.self_attn\\.([qkv])_proj\\.(weight|bias)'), to: `${block}.attn.in_proj_$3`, part: 2 },
  { from: hub('encoder\\.layers\\.(\\d+)\\.self_attn\\.out_proj\\.(weight|bias)'), to: `${block}.attn.out_proj.$2` },
  { from: hub('encoder\\.layers\\.(\\d+)\\.layer_norm([12])\\.(weight|bias)'), to: `${block}.ln_$2.$3` },
  { from: hub('encoder\\.layers\\.(\\d+)\\.mlp\\.fc1\\.(weight|bias)'), to: `${block}.mlp.c_fc.$2` },
  { from: hub('encoder\\.layers\\.(\\d+)\\.mlp\\.fc2\\.(weight|bias)'), to: `${block}.mlp.c_proj.$2` },
]

/** OpenAI's archive (names of the published archive). */
export const openAiClipRules: readonly Rule[] = [
  { from: /^(visual\.proj|logit_scale)$/, skip: 'the projection and scale of contrastive training are not used' },
  { from: /^visual\.(.+)$/, to: `${visual}.$1` },
  { from: /^(positional_embedding|text_projection|(token_embedding|ln_final|transformer)\..+)$/, skip: deadText },
  { from: /^(input_resolution|context_length|vocab_size)$/, skip: 'a setting, no weight' },
]
