import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { applyOverrides } from './overrides.js'

const config = {
  name: 'toy',
  seed: 0,
  out: undefined,
  plugins: [
    { entry: '@unidiag/encoders/clip-vit', options: { imageSize: 384 } },
    { entry: '@unidiag/pretrain/mr-pretrain', options: { optimizer: { learningRate: 1e-5, betas: [0.9, 0.98] } } },
    { entry: '@unidiag/datasets/synthetic', options: { name: 'captions', samples: { train: 10 } } },
    { entry: '@unidiag/datasets/synthetic', options: { name: 'questions' } },
    { entry: '@unidiag/tuning/fine-tune', options: {} },
    { entry: '@unidiag/tuning/fine-tune', options: {} },
  ],
}
const options = (...set: string[]) => applyOverrides(config, set).plugins.map(({ options }) => options)
const fault = (...set: string[]): string => {
  try {
    applyOverrides(config, set)
  } catch (error) {
    expect(error).toMatchObject({ code: 'OPTION_INVALID' })
    return (error as Error).message
  }
  return expect.unreachable()
}

describe('applyOverrides', () => {
  it('sets seed, out and name', () => {
    expect(applyOverrides(config, ['seed=3', 'out=./x', 'name=other'])).toMatchObject({ seed: 3, out: resolve('x'), name: 'other' })
  })

  it('sets options of a plugin, also nested, new and in lists, and leaves the config alone', () => {
    const before = structuredClone(config)
    expect(options('clip-vit.imageSize=64', '@unidiag/encoders/clip-vit.patchSize=8')[0]).toEqual({ imageSize: 64, patchSize: 8 })
    expect(options('mr-pretrain.optimizer.learningRate=1e-4', 'mr-pretrain.optimizer.betas.1=0.999', 'mr-pretrain.objectives=[mim, mlm]')[1]).toEqual({
      optimizer: { learningRate: 1e-4, betas: [0.9, 0.999] },
      objectives: ['mim', 'mlm'],
    })
    expect(config).toEqual(before)
  })

  it('reads values as YAML', () => {
    expect(options('clip-vit.a=true', 'clip-vit.b=text', 'clip-vit.c=1e-4', "clip-vit.d='3'", 'clip-vit.e=x=y', 'clip-vit.f=null')[0]).toEqual({
      imageSize: 384,
      a: true,
      b: 'text',
      c: 1e-4,
      d: '3',
      e: 'x=y',
      f: null,
    })
  })

  it('chooses among plugins of one entry by name or position', () => {
    const all = options('synthetic[captions].samples.train=5', 'synthetic[questions].samples.train=7', 'synthetic[1].seed=2', 'fine-tune[1].steps=4')
    expect(all.slice(2)).toEqual([{ name: 'captions', samples: { train: 5 } }, { name: 'questions', samples: { train: 7 }, seed: 2 }, {}, { steps: 4 }])
  })

  it('says what is wrong, all at once', () => {
    const message = fault('seed', 'seed=-1', 'clip-vitt.imageSize=3', 'synthetic.seed=1', 'synthetic[other].seed=1', 'clip-vit.imageSize.x=1', 'clip-vit=3')
    expect(message).toContain('--set seed: expected path=value')
    expect(message).toContain('--set seed=-1: a seed is a whole number from 0')
    expect(message).toContain('no plugin called clip-vitt; did you mean clip-vit?')
    expect(message).toContain('several plugins are called synthetic; use one of synthetic[captions], synthetic[questions]')
    expect(message).toContain('there is no synthetic[other]')
    expect(message).toContain('x is below 384, which has no options')
    expect(message).toContain('the options of a plugin are an object')
  })
})
