import { defineConfig } from '@unidiag/cli/config'
import { synthetic } from '@unidiag/datasets/synthetic'
import { clipVit } from '@unidiag/encoders/clip-vit'
import { coAttention } from '@unidiag/encoders/co-attention'
import { fineTune } from '@unidiag/tuning/fine-tune'

// As whole-method.yaml says it, with plugins that are made here and plugins that are named.
const width = 8
const optimizer = { learningRate: 1e-3 }
const questions = { dataset: 'questions', batchSize: 8 }

export default defineConfig({
  seed: 5,
  name: 'whole-method',
  plugins: [
    synthetic({ kind: 'captions', name: 'captions', size: 16, samples: { train: 24, val: 0, test: 0 } }),
    { synthetic: { kind: 'questions', name: 'questions', size: 16, samples: { train: 24, val: 8, test: 16 } } },
    { images: { threads: 1 } },
    { 'trained-bpe': { vocabSize: 300 } },
    clipVit({ imageSize: 16, patchSize: 4, width, heads: 2, blocks: 1 }),
    { roberta: { width, layers: 1, heads: 2, ffn: 2 * width, maxLength: 16, maxPositions: 18 } },
    coAttention({ width, layers: 1, heads: 2 }),
    { '@unidiag/tasks/vqa': { dataset: 'questions', resamples: 50 } },
    'random-patch',
    'text-mask',
    { 'mim-decoder': { width, layers: 1, heads: 2 } },
    'mim',
    'mlm',
    { 'fea-mim': { feaDim: 4 } },
    { 'fea-mlm': { feaDim: 4 } },
    'itm',
    'ema-teacher',
    { 'mr-pretrain': { dataset: 'captions', batchSize: 8, epochs: 2, optimizer } },
    { 'td-calib': { ...questions, epochs: 1, optimizer } },
    'gm-coord',
    fineTune({ ...questions, epochs: 2, optimizer: { ...optimizer, accumulate: 2 } }),
  ],
})
