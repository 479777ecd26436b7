import { join } from 'node:path'
import { UniDiagError } from '@unidiag/core/errors'
import { z } from 'zod'
import { type FixtureTensors, isThere, readJson, readTensors } from './fixture.js'

// What is read of the configs of the hub's models.
const clipConfig = z.looseObject({
  hidden_size: z.int().positive(),
  image_size: z.int().positive(),
  intermediate_size: z.int().positive(),
  num_attention_heads: z.int().positive(),
  num_hidden_layers: z.int().min(2),
  patch_size: z.int().positive(),
})
const robertaConfig = z.looseObject({
  hidden_size: z.int().positive(),
  intermediate_size: z.int().positive(),
  layer_norm_eps: z.number().positive(),
  max_position_embeddings: z.int().positive(),
  num_attention_heads: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  vocab_size: z.int().positive(),
})

/** Tiny models of the hub with their inputs and outputs, position tables, and pictures. */
export interface HubFixture {
  readonly io: FixtureTensors
  readonly clip: { readonly config: z.output<typeof clipConfig>; readonly file: string }
  readonly roberta: { readonly config: z.output<typeof robertaConfig>; readonly file: string }
}

/**
 * The part of a folder of reference numbers that is made with transformers, torchvision and Pillow; undefined when it has none of it.
 * @throws UniDiagError DATA_MISSING when it has some of it, DATA_MALFORMED, CHECKPOINT_INVALID
 */
export async function readHubFixture(dir: string): Promise<HubFixture | undefined> {
  const names = ['hf_io.safetensors', ...['hf_clip_vision', 'hf_roberta'].flatMap((model) => [`${model}/config.json`, `${model}/model.safetensors`])]
  const there = await Promise.all(names.map((name) => isThere(join(dir, name))))
  if (there.every((found) => !found)) return undefined
  const missing = names.filter((_, i) => !there[i])
  if (missing.length > 0) throw new UniDiagError('DATA_MISSING', `${dir} has numbers of the hub's models, but lacks ${missing.join(', ')}`)
  const model = async <T extends z.ZodType>(name: string, schema: T) => ({
    config: await readJson(join(dir, name, 'config.json'), schema),
    file: join(dir, name, 'model.safetensors'),
  })
  return {
    io: await readTensors(join(dir, names[0])),
    clip: await model('hf_clip_vision', clipConfig),
    roberta: await model('hf_roberta', robertaConfig),
  }
}
