import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { StoredTensor } from '@unidiag/core/io/safetensors'
import { describeShared } from '@unidiag/testing/shared'
import { describe, expect, it } from 'vitest'
import { isM3aeName } from './names/m3ae.js'
import { detectKind, mapNames, toUniDiagNames, type WeightsKind } from './names.js'
import { openWeights, readWeights } from './read-weights.js'

const visual = 'vision_encoder.visual'
const reasons = (names: readonly string[], kind: WeightsKind) => Object.fromEntries(mapNames(names, kind).skipped)
const tensor = (shape: readonly number[], first = 0): StoredTensor => ({
  dtype: 'F32',
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => first + i),
})

describe('names', () => {
  it('tell where a file is from', () => {
    expect(detectKind(['vision_model.embeddings.patch_embedding.weight', 'text_model.x'])).toBe('hf-clip')
    expect(detectKind(['embeddings.patch_embedding.weight'])).toBe('hf-clip')
    expect(detectKind(['logit_scale', 'visual.conv1.weight'])).toBe('openai-clip')
    expect(detectKind(['roberta.embeddings.word_embeddings.weight'])).toBe('hf-roberta')
    expect(detectKind(['embeddings.word_embeddings.weight'])).toBe('hf-roberta')
    expect(detectKind(['bert.embeddings.word_embeddings.weight', 'cls.predictions.bias'])).toBe('hf-bert')
    expect(detectKind(['epoch', 'state_dict.language_encoder.embeddings.word_embeddings.weight'])).toBe('m3ae')
    expect(detectKind(['state_dict.module.multi_modal_vision_layers.0.output.dense.weight'])).toBe('m3ae')
    expect(detectKind(['conv1.weight'])).toBeUndefined()
  })

  it("are those of OpenAI's archive without its text tower and last block", () => {
    const names = ['visual.conv1.weight', 'visual.ln_post.bias', ...['0', '1'].map((i) => `visual.transformer.resblocks.${i}.attn.in_proj_bias`)]
    const dead = [
      'visual.proj',
      'token_embedding.weight',
      'positional_embedding',
      'ln_final.bias',
      'transformer.resblocks.0.ln_1.bias',
      'text_projection',
      'logit_scale',
    ]
    const settings = ['input_resolution', 'context_length', 'vocab_size']
    const { weights, teacher, skipped } = mapNames([...names, ...dead, ...settings, 'other'], 'openai-clip')
    expect([...weights]).toEqual([
      [`${visual}.conv1.weight`, ['visual.conv1.weight']],
      [`${visual}.ln_post.bias`, ['visual.ln_post.bias']],
      [`${visual}.transformer.resblocks.0.attn.in_proj_bias`, ['visual.transformer.resblocks.0.attn.in_proj_bias']],
    ])
    expect(teacher.size).toBe(0)
    expect([...skipped.keys()].sort()).toEqual([...dead, ...settings, 'other', 'visual.transformer.resblocks.1.attn.in_proj_bias'].sort())
    expect(skipped.get('visual.transformer.resblocks.1.attn.in_proj_bias')).toBe('the last block of CLIP is not used')
    expect(skipped.get('token_embedding.weight')).toMatch(/dead weight/)
  })

  it('keep the last block of CLIP for a model that has it', () => {
    const names = ['visual.transformer.resblocks.11.ln_1.bias', 'visual.conv1.weight']
    expect(mapNames(names, 'openai-clip').weights.size).toBe(1)
    expect(mapNames(names, 'openai-clip', { wanted: () => true }).weights.size).toBe(2)
  })

  it('say why text towers, projections and buffers of the hub are left out', () => {
    expect(
      reasons(['text_model.x', 'text_projection.weight', 'visual_projection.weight', 'vision_model.embeddings.position_ids', 'vision_model.odd'], 'hf-clip'),
    ).toEqual({
      'text_model.x': expect.stringMatching(/dead weight/),
      'text_projection.weight': expect.stringMatching(/dead weight/),
      'visual_projection.weight': expect.stringMatching(/projection/),
      'vision_model.embeddings.position_ids': expect.stringMatching(/buffer/),
      'vision_model.odd': "no weight of CLIP's image tower",
    })
    expect(reasons(['roberta.pooler.dense.bias', 'lm_head.bias', 'roberta.embeddings.position_ids', 'classifier.dense.weight'], 'hf-roberta')).toEqual({
      'roberta.pooler.dense.bias': expect.stringMatching(/dead weight/),
      'lm_head.bias': expect.stringMatching(/language-model head/),
      'roberta.embeddings.position_ids': expect.stringMatching(/buffer/),
      'classifier.dense.weight': 'no weight of a RoBERTa encoder',
    })
  })

  it('are those of BERT, also as TensorFlow calls them', () => {
    expect([
      ...mapNames(
        ['bert.embeddings.LayerNorm.gamma', 'bert.encoder.layer.3.output.LayerNorm.beta', 'bert.encoder.layer.3.output.dense.bias'],
        'hf-bert',
      ).weights.keys(),
    ]).toEqual([
      'language_encoder.embeddings.LayerNorm.weight',
      'language_encoder.encoder.layer.3.output.LayerNorm.bias',
      'language_encoder.encoder.layer.3.output.dense.bias',
    ])
  })

  it('stack queries, keys and values in that order, and only all three', () => {
    const at = (part: string) => `encoder.layers.0.self_attn.${part}_proj.weight`
    const rest = new Map([['encoder.layers.1.layer_norm1.bias', tensor([2])]])
    const parts = new Map([...rest, [at('v'), tensor([1, 2], 20)], [at('k'), tensor([1, 2], 10)], [at('q'), tensor([1, 2])]])
    const name = `${visual}.transformer.resblocks.0.attn.in_proj_weight`
    expect(toUniDiagNames(parts, 'hf-clip').weights.get(name)).toEqual({ shape: [3, 2], data: Float32Array.of(0, 1, 10, 11, 20, 21) })
    parts.delete(at('k'))
    const { weights, skipped } = toUniDiagNames(parts, 'hf-clip')
    expect(weights.has(name)).toBe(false)
    expect(skipped.get(at('q'))).toBe(`${name} needs queries, keys and values`)
    parts.set(at('k'), tensor([1, 3]))
    expect(() => toUniDiagNames(parts, 'hf-clip')).toThrow(expect.objectContaining({ code: 'CHECKPOINT_MISMATCH' }))
  })

  it('do not let one tensor hide another', () => {
    const { weights, skipped } = mapNames(['roberta.encoder.layer.0.output.dense.bias', 'encoder.layer.0.output.dense.bias'], 'hf-roberta')
    expect(weights.get('language_encoder.encoder.layer.0.output.dense.bias')).toEqual(['roberta.encoder.layer.0.output.dense.bias'])
    expect([...skipped.keys()]).toEqual(['encoder.layer.0.output.dense.bias'])
  })

  it('keep the teacher of a Lightning checkpoint apart, and leave out what lies beside its state dict', () => {
    const files = [
      'state_dict.itm_head.fc.bias',
      'state_dict.ema.module.itm_head.fc.bias',
      'state_dict.ema.module.language_encoder.pooler.dense.bias',
      'optimizer_states.0.state.0.exp_avg',
    ]
    const { weights, teacher, skipped } = mapNames(files, 'm3ae')
    expect([...weights]).toEqual([['itm_head.fc.bias', ['state_dict.itm_head.fc.bias']]])
    expect([...teacher]).toEqual([['itm_head.fc.bias', ['state_dict.ema.module.itm_head.fc.bias']]])
    expect([...skipped]).toEqual([
      ['optimizer_states.0.state.0.exp_avg', 'lies beside the state_dict'],
      ['state_dict.ema.module.language_encoder.pooler.dense.bias', expect.stringMatching(/dead weight/)],
    ])
  })

  it('leave integers and optimiser moments out, and take float64', () => {
    const stored = new Map<string, StoredTensor>([
      ['itm_head.fc.bias', { dtype: 'F64', shape: [2], data: Float64Array.of(0.1, 2) }],
      ['itm_head.fc.weight', { dtype: 'I64', shape: [1], data: BigInt64Array.of(1n) }],
      ['optimizer.exp_avg.itm_head.fc.bias', tensor([2])],
    ])
    const { weights, skipped } = toUniDiagNames(stored, 'm3ae')
    expect(weights).toEqual(new Map([['itm_head.fc.bias', { shape: [2], data: Float32Array.of(0.1, 2) }]]))
    expect([...skipped.keys()].sort()).toEqual(['itm_head.fc.weight', 'optimizer.exp_avg.itm_head.fc.bias'])
  })
})

describeShared('names of the reference', (shared) => {
  it('take every parameter of a UMD student, and know which weights are dead', () => {
    const names = readFileSync(join(shared, 'spec', 'umd-parameter-names-384.tsv'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split('\t')[0])
      .filter((name) => name.includes('.'))
    expect(names.length).toBe(730)
    const { weights, skipped } = mapNames(names, 'm3ae')
    expect(weights.size + skipped.size).toBe(730)
    expect([...skipped.keys()].sort()).toEqual([
      'language_encoder.embeddings.position_ids',
      'language_encoder.pooler.dense.bias',
      'language_encoder.pooler.dense.weight',
      'vision_encoder.ln_final.bias',
      'vision_encoder.ln_final.weight',
      'vision_encoder.positional_embedding',
      'vision_encoder.token_embedding.weight',
    ])
    expect([...weights.keys()].filter((name) => !isM3aeName(name))).toEqual([])
    expect(['feai_proj.weight', 'my_head.fc.bias', 'vision_encoder.layer4.conv.weight'].filter(isM3aeName)).toEqual([])
  })

  it.each(['pretrain_student', 'pretrain_teacher'])('take the state dict of %s', async (file) => {
    const weights = await openWeights(join(shared, 'parity', `${file}.safetensors`))
    await weights.close()
    expect(detectKind(weights.entries.keys())).toBe('m3ae')
    const { weights: taken, skipped } = mapNames(weights.entries.keys(), 'm3ae')
    expect([...taken.keys()].every(isM3aeName)).toBe(true)
    expect([...skipped.values()].every((reason) => /dead weight|buffer/.test(reason))).toBe(true)
  })

  it('take a CLIP of the hub with and without its prefix', async () => {
    const { tensors } = await readWeights(join(shared, 'parity', 'hf_clip_vision', 'model.safetensors'))
    const short = new Map([...tensors].map(([name, tensor]) => [name.replace('vision_model.', ''), tensor]))
    const { weights, skipped } = toUniDiagNames(tensors, 'hf-clip')
    expect(toUniDiagNames(short, 'hf-clip').weights).toEqual(weights)
    // Three blocks of 16 tensors, of which q, k and v make 4 fewer; the last one is dropped. Seven lie around them.
    expect(weights.size).toBe(2 * 12 + 7)
    expect([...weights.keys()].every(isM3aeName)).toBe(true)
    expect([...skipped.values()].filter((reason) => reason === 'the last block of CLIP is not used')).toHaveLength(16)
    const q = tensors.get('vision_model.encoder.layers.1.self_attn.q_proj.bias')!.data
    const v = tensors.get('vision_model.encoder.layers.1.self_attn.v_proj.bias')!.data
    const bias = weights.get(`${visual}.transformer.resblocks.1.attn.in_proj_bias`)!
    expect(bias.shape).toEqual([96])
    expect([bias.data.slice(0, 32), bias.data.slice(64)]).toEqual([q, v])
  })

  it('take a RoBERTa of the hub with and without its prefix', async () => {
    const { tensors } = await readWeights(join(shared, 'parity', 'hf_roberta', 'model.safetensors'))
    const short = new Map([...tensors].map(([name, tensor]) => [name.replace('roberta.', ''), tensor]))
    const { weights, skipped } = toUniDiagNames(tensors, 'hf-roberta')
    expect(toUniDiagNames(short, 'hf-roberta').weights).toEqual(weights)
    expect([...weights.keys()].every(isM3aeName)).toBe(true)
    expect([...skipped.keys()].every((name) => /lm_head|pooler|position_ids/.test(name))).toBe(true)
    expect(weights.size + skipped.size).toBe(tensors.size)
  })
})
