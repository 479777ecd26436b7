import { readFileSync } from 'node:fs'
import { useBackend } from '@unidiag/testing/backends'
import { describeShared } from '@unidiag/testing/shared'
import { describe, expect, it } from 'vitest'
import { Parameters, zeros } from '../nn/parameter.js'
import { Random } from '../random.js'
import { parameterGroups } from './groups.js'

const options = { learningRate: 1, weightDecay: 0.01, multiplier: { multiModal: 5, heads: 50 } }

function grouped(names: readonly string[], o = options): Map<string, { learningRate: number; weightDecay: number }> {
  const parameters = new Parameters(new Random(0))
  for (const name of names) parameters.create(name, [1], zeros)
  const found = new Map(parameterGroups(parameters.all(), o).flatMap(({ parameters, ...rates }) => parameters.map((p) => [p.name, rates] as const)))
  parameters.dispose()
  return found
}

describe('parameterGroups', () => {
  useBackend()

  it.each([
    // name, learning rate, decayed
    ['vision_encoder.visual.ln_pre.weight', 1, true],
    ['vision_encoder.visual.transformer.resblocks.0.ln_1.weight', 1, true],
    ['vision_encoder.visual.transformer.resblocks.0.ln_1.bias', 1, false],
    ['vision_encoder.visual.transformer.resblocks.0.attn.in_proj_bias', 1, false],
    ['vision_encoder.visual.class_embedding', 1, true],
    ['language_encoder.embeddings.LayerNorm.weight', 1, false],
    ['language_encoder.embeddings.word_embeddings.weight', 1, true],
    ['modality_type_embeddings.weight', 1, true],
    ['feal_proj.weight', 1, true],
    ['feal_proj.bias', 1, false],
    ['multi_modal_vision_layers.0.output.dense.weight', 5, true],
    ['multi_modal_vision_layers.0.output.LayerNorm.weight', 5, false],
    ['multi_modal_language_pooler.dense.bias', 5, false],
    ['mim_head.decoder_norm.weight', 50, false],
    ['mim_head.mask_token', 50, true],
    ['mim_head.decoder.resblocks.0.ln_2.weight', 50, true],
    ['vqa_head.1.weight', 50, true],
    ['vqa_head.1.bias', 50, false],
    ['itm_head.fc.weight', 50, true],
  ])('%s', (name, learningRate, decayed) => {
    expect(grouped([name]).get(name)).toEqual({ learningRate, weightDecay: decayed ? 0.01 : 0 })
  })

  it('makes six groups at most, none empty', () => {
    const names = ['a.weight', 'b.weight', 'a.bias', 'multi_modal_x.weight', 'multi_modal_x.bias', 'mlm_head.weight', 'mlm_head.bias']
    const parameters = new Parameters(new Random(0))
    for (const name of names) parameters.create(name, [1], zeros)
    expect(parameterGroups(parameters.all(), options).map(({ parameters }) => parameters.map((p) => p.name))).toEqual([
      ['a.weight', 'b.weight'],
      ['a.bias'],
      ['multi_modal_x.weight'],
      ['multi_modal_x.bias'],
      ['mlm_head.weight'],
      ['mlm_head.bias'],
    ])
    parameters.dispose()
  })
})

interface Fixture {
  readonly groups: readonly { readonly names: readonly string[]; readonly weight_decay: number; readonly initial_lr: number }[]
  readonly config: {
    readonly learning_rate: number
    readonly weight_decay: number
    readonly lr_multiplier_head: number
    readonly lr_multiplier_multi_modal: number
  }
}

describeShared('parameter groups of the reference', (dir) => {
  useBackend()

  it('are ours', () => {
    const { groups, config }: Fixture = JSON.parse(readFileSync(`${dir}/parity/pretrain.json`, 'utf8'))
    const multiplier = { multiModal: config.lr_multiplier_multi_modal, heads: config.lr_multiplier_head }
    const names = groups.flatMap((group) => group.names)
    const ours = grouped(names, { learningRate: config.learning_rate, weightDecay: config.weight_decay, multiplier })
    expect(names.length).toBeGreaterThan(100)
    for (const group of groups)
      for (const name of group.names) expect([name, ours.get(name)]).toEqual([name, { learningRate: group.initial_lr, weightDecay: group.weight_decay }])
  })
})
