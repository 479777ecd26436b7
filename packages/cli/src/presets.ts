import { suggest } from '@unidiag/core/suggest'
import { isRecord, type Options } from './config-items.js'

/**
 * Named sets of options by plugin entry, where the paper and the released code differ (the rows of FEATURES.md). A config takes one with `preset: umd-code`; it changes
 * only plugins that the config lists, and the config's own options win. The complete configs of the same names in `presets/` take them too.
 */
export const presets: Readonly<Record<string, Readonly<Record<string, Options>>>> = {
  'umd-paper': {
    '@unidiag/pretrain/mr-pretrain': { alpha: 0.5, optimizer: { learningRate: 1e-5, schedule: 'linear', warmup: 0.1, weightDecay: 0.01 } },
    '@unidiag/tuning/td-calib': { alpha: 0.5, optimizer: { learningRate: 1e-5, schedule: 'linear', warmup: 0.1, weightDecay: 0.01 } },
    '@unidiag/tuning/fine-tune': { optimizer: { learningRate: 5e-6, schedule: 'cosine', warmup: 0.1, weightDecay: 0.1 } },
    '@unidiag/tuning/gm-coord': { beta: 0.1, contribution: 'exact-split', window: 'sum', noise: 'both' },
  },
  'umd-code': {
    '@unidiag/pretrain/fea-mim': { mode: 'code' },
    '@unidiag/pretrain/fea-mlm': { positions: 'all', feaDim: 768 },
    '@unidiag/pretrain/itm': { excludeSelf: false },
    '@unidiag/pretrain/ema-teacher': { initFrom: 'config', dropout: true, every: 'microBatch', scope: 'all' },
    '@unidiag/tuning/td-calib': { feaWeight: 1e-5, optimizer: { learningRate: 5e-6, schedule: 'cosine' } },
    '@unidiag/tuning/gm-coord': { contribution: 'code', window: 'last', noise: 'both', noiseRows: 'all' },
    '@unidiag/tuning/fine-tune': { pooling: 'mean', allowSelectionOnTest: true, optimizer: { learningRate: 5e-6, schedule: 'cosine', weightDecay: 0.01 } },
    '@unidiag/tasks/vqa': { loss: 'bce', vocabularySplits: ['train', 'val', 'test'] },
    '@unidiag/tasks/classification': { classSplits: ['train', 'val', 'test'] },
    '@unidiag/tasks/retrieval': { excludeSelf: false },
    '@unidiag/datasets/vqa-rad': { validation: 'test' },
  },
}

/** Options of a plugin under a preset: `own` over the preset's, objects merged key by key. */
export function presetOptions(preset: string | undefined, entry: string, own: Options): Options {
  const base = preset === undefined ? undefined : presets[preset]?.[entry]
  return base ? merge(base, own) : own
}

/** What is wrong with the name of a preset, if anything. */
export function presetFault(preset: unknown): string | undefined {
  if (preset === undefined || (typeof preset === 'string' && Object.hasOwn(presets, preset))) return undefined
  const near = suggest(String(preset), Object.keys(presets))
  return `preset: there is no preset ${JSON.stringify(preset)}${near ? `; did you mean ${near}?` : `; there are ${Object.keys(presets).join(', ')}`}`
}

function merge(base: Options, over: Options): Options {
  const out: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const below = out[key]
    out[key] = isRecord(below) && isRecord(value) ? merge(below, value) : value
  }
  return out
}
