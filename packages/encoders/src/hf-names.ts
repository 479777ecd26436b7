import type { FileTensor } from '@unidiag/core/nn/parameter'

const visual = 'vision_encoder.visual'

const clipNames: readonly (readonly [RegExp, string])[] = [
  [/^embeddings\.class_embedding$/, 'class_embedding'],
  [/^embeddings\.patch_embedding\.weight$/, 'conv1.weight'],
  [/^embeddings\.position_embedding\.weight$/, 'positional_embedding'],
  // The spelling is the hub's.
  [/^pre_layrnorm\.(weight|bias)$/, 'ln_pre.$1'],
  [/^post_layernorm\.(weight|bias)$/, 'ln_post.$1'],
  [/^encoder\.layers\.(\d+)\.self_attn\.out_proj\.(weight|bias)$/, 'transformer.resblocks.$1.attn.out_proj.$2'],
  [/^encoder\.layers\.(\d+)\.layer_norm([12])\.(weight|bias)$/, 'transformer.resblocks.$1.ln_$2.$3'],
  [/^encoder\.layers\.(\d+)\.mlp\.fc1\.(weight|bias)$/, 'transformer.resblocks.$1.mlp.c_fc.$2'],
  [/^encoder\.layers\.(\d+)\.mlp\.fc2\.(weight|bias)$/, 'transformer.resblocks.$1.mlp.c_proj.$2'],
]

/**
 * A HuggingFace CLIP vision model (`openai/clip-vit-base-patch16`) under the names of this system (spec 7.4), values in file layout.
 * With or without the prefix `vision_model.`; the text tower and the projections are left out.
 */
export function fromHfClipVision(stored: ReadonlyMap<string, FileTensor>): Map<string, FileTensor> {
  const out = new Map<string, FileTensor>()
  for (const [full, tensor] of stored) {
    const name = full.replace(/^vision_model\./, '')
    const found = clipNames.find(([pattern]) => pattern.test(name))
    if (found) out.set(`${visual}.${name.replace(...found)}`, tensor)
    const query = /^encoder\.layers\.(\d+)\.self_attn\.q_proj\.(weight|bias)$/.exec(name)
    if (!query) continue
    const parts = ['q', 'k', 'v'].map((part) => stored.get(full.replace('.q_proj.', `.${part}_proj.`)))
    if (parts.every((part) => part !== undefined)) out.set(`${visual}.transformer.resblocks.${query[1]}.attn.in_proj_${query[2]}`, concatRows(parts))
  }
  return out
}

/** A HuggingFace RoBERTa (`roberta-base`) under the names of this system (spec 7.5); its pooler and language-model head are left out. */
export function fromHfRoberta(stored: ReadonlyMap<string, FileTensor>): Map<string, FileTensor> {
  const out = new Map<string, FileTensor>()
  for (const [full, tensor] of stored) {
    const name = full.replace(/^roberta\./, '')
    if (/^(embeddings\..*\.(weight|bias)|encoder\.layer\..*)$/.test(name)) out.set(`language_encoder.${name}`, tensor)
  }
  return out
}

function concatRows(parts: readonly FileTensor[]): FileTensor {
  const data = new Float32Array(parts.reduce((size, part) => size + part.data.length, 0))
  let at = 0
  for (const part of parts) {
    data.set(part.data, at)
    at += part.data.length
  }
  const [first] = parts
  return { shape: [parts.reduce((rows, part) => rows + part.shape[0], 0), ...first.shape.slice(1)], data }
}
