import { compose } from '@unidiag/core/compose'
import { Fusion, ImageEncoder, TextEncoder } from '@unidiag/core/contracts/encoders'
import { Objective } from '@unidiag/core/contracts/objective'
import { VisionLanguageModel } from '@unidiag/core/model'
import { type FileTensor, ParameterStore, type Parameters } from '@unidiag/core/nn/parameter'
import type { Pipeline } from '@unidiag/core/pipeline'
import type { AnyPlugin } from '@unidiag/core/plugin'
import { clipVit } from '@unidiag/encoders/clip-vit'
import { coAttention } from '@unidiag/encoders/co-attention'
import { roberta } from '@unidiag/encoders/roberta'
import { mimDecoder } from '@unidiag/pretrain/mim-decoder'
import { isDeadWeight } from './dead-weights.js'
import type { Fixture, FixtureTensors } from './fixture.js'

/** A pipeline of a fixture's sizes, ready to compute. */
export interface ParityModel {
  readonly pipeline: Pipeline
  readonly model: VisionLanguageModel
  readonly parameters: Parameters
  objective(name: string): Objective
}

/** Encoders and fusion as the fixture has them; dropout off, as it was made. */
export function encoders({ pretrain: { settings: s } }: Fixture): AnyPlugin[] {
  return [
    clipVit({ imageSize: s.image_size, patchSize: s.patch, width: s.vit_width, heads: s.vit_heads, blocks: s.vit_depth }),
    roberta({
      vocabSize: s.vocab,
      width: s.text_width,
      layers: s.text_depth,
      heads: s.text_heads,
      ffn: s.text_ffn,
      maxPositions: s.max_pos,
      maxLength: s.text_len,
      dropout: 0,
    }),
    coAttention({ width: s.hidden, layers: s.fusion, heads: s.heads, ffn: s.mlp_ratio * s.hidden, dropout: 0 }),
  ]
}

export const decoderOf = ({ pretrain: { settings: s } }: Fixture): AnyPlugin => mimDecoder({ width: s.dec_width, layers: s.dec_depth, heads: s.dec_heads })

/** Composes the encoders with more plugins, loads the weights (all must be there), runs `f`, and closes. */
export async function withModel<T>(
  fixture: Fixture,
  plugins: readonly AnyPlugin[],
  weights: FixtureTensors,
  f: (model: ParityModel) => T | Promise<T>,
): Promise<T> {
  const pipeline = await compose({ plugins: [...encoders(fixture), ...plugins] })
  try {
    const parameters = pipeline.get(ParameterStore)
    parameters.load(liveWeights(weights), { strict: true, from: fixture.dir })
    const objectives = pipeline.getAll(Objective)
    return await f({
      pipeline,
      parameters,
      model: new VisionLanguageModel({ image: pipeline.get(ImageEncoder), text: pipeline.get(TextEncoder), fusion: pipeline.get(Fusion) }),
      objective: (name) => objectives.find((objective) => objective.name === name)!,
    })
  } finally {
    await pipeline.close()
  }
}

/** The float tensors that a model of ours has. */
export const liveWeights = (tensors: FixtureTensors): Map<string, FileTensor> =>
  new Map([...tensors].filter((entry): entry is [string, FileTensor] => entry[1].data instanceof Float32Array && !isDeadWeight(entry[0])))
