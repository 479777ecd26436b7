import { join } from 'node:path'
import { bert } from '@unidiag/encoders/bert'
import { clipVit } from '@unidiag/encoders/clip-vit'
import { coAttention } from '@unidiag/encoders/co-attention'
import { roberta } from '@unidiag/encoders/roberta'
import { trainedBpe } from '@unidiag/encoders/trained-bpe'
import { wordpiece } from '@unidiag/encoders/wordpiece'
import { emaTeacher } from '@unidiag/pretrain/ema-teacher'
import { feaMim } from '@unidiag/pretrain/fea-mim'
import { feaMlm } from '@unidiag/pretrain/fea-mlm'
import { itc } from '@unidiag/pretrain/itc'
import { itm } from '@unidiag/pretrain/itm'
import { mim } from '@unidiag/pretrain/mim'
import { mimDecoder } from '@unidiag/pretrain/mim-decoder'
import { mlm } from '@unidiag/pretrain/mlm'
import { randomPatch } from '@unidiag/pretrain/random-patch'
import { textMask } from '@unidiag/pretrain/text-mask'
import { classification } from '@unidiag/tasks/classification'
import { retrieval } from '@unidiag/tasks/retrieval'
import { vqa } from '@unidiag/tasks/vqa'
import { useBackend } from '@unidiag/testing/backends'
import { describeFusion } from '@unidiag/testing/contracts/fusion'
import { describeGradientTransform } from '@unidiag/testing/contracts/gradient-transform'
import { describeImageEncoder } from '@unidiag/testing/contracts/image-encoder'
import { describeMasker } from '@unidiag/testing/contracts/masker'
import { describeObjective } from '@unidiag/testing/contracts/objective'
import { describeTask } from '@unidiag/testing/contracts/task'
import { describeTextEncoder } from '@unidiag/testing/contracts/text-encoder'
import { describeTokenizer } from '@unidiag/testing/contracts/tokenizer'
import { describeShared } from '@unidiag/testing/shared'
import { gmCoord } from '@unidiag/tuning/gm-coord'
import { ogmGe } from '@unidiag/tuning/ogm-ge'

useBackend()

// Every plugin of ours goes through the suite that its kind has for plugin authors.

describeImageEncoder('clipVit', () => clipVit({ imageSize: 16, patchSize: 4, width: 8, heads: 2, blocks: 2 }))
describeTextEncoder('roberta', () => roberta({ width: 8, layers: 1, heads: 2, ffn: 16, maxLength: 8, maxPositions: 10 }))
describeTextEncoder('bert', () => bert({ width: 8, layers: 1, heads: 2, ffn: 16, maxLength: 8, maxPositions: 8 }))
describeFusion('coAttention', () => coAttention({ width: 8, layers: 2, heads: 2 }))
describeTokenizer('trainedBpe', () => trainedBpe({ vocabSize: 300 }))
describeShared('published vocabularies', (shared) => {
  describeTokenizer('wordpiece', () => wordpiece({ dir: join(shared, 'data/tokenizers/scibert-uncased') }))
  describeTokenizer('wordpiece without an end token', () => wordpiece({ dir: join(shared, 'data/tokenizers/mimic-wordpiece') }))
})

describeMasker('randomPatch', () => randomPatch())
describeMasker('textMask, like the reference', () => textMask({ mode: 'hf-wwm-compat', ratio: 0.4 }))
describeMasker('textMask by token', () => textMask({ mode: 'token', ratio: 0.4 }))
describeMasker('textMask by word', () => textMask({ mode: 'word', ratio: 0.4 }))

const masks = () => [randomPatch(), textMask({ mode: 'token', ratio: 0.4 })]
const decoder = () => mimDecoder({ width: 8, layers: 1, heads: 2 })
describeObjective('mim', () => mim(), { with: () => [...masks(), decoder()] })
describeObjective('mlm', () => mlm(), { with: masks })
describeObjective('mim of an image alone (MAE)', () => mim({ text: 'none' }), { with: () => [randomPatch(), decoder()] })
describeObjective('itm', () => itm())
describeObjective('itc (CLIP)', () => itc({ width: 4 }))
describeObjective('itc of masked images (FLIP)', () => itc({ width: 4, image: 'masked', imagePooling: 'mean' }), { with: () => [randomPatch({ ratio: 0.5 })] })
// The bias of a projection that both sides pass through cancels out.
describeObjective('feaMim', () => feaMim({ feaDim: 4 }), { with: () => [...masks(), emaTeacher()], withoutGradient: ['feai_proj.bias'] })
describeObjective('feaMlm', () => feaMlm({ feaDim: 4 }), {
  with: () => [...masks(), emaTeacher({ initFrom: 'config' })],
  withoutGradient: ['feal_proj.bias'],
})

describeTask('vqa', () => vqa())
describeTask('classification', () => classification({ column: 'answer' }))
describeTask('retrieval', () => retrieval({ negatives: 3 }), { withoutGradient: ['irtr_head.bias'] })
describeGradientTransform('gmCoord', () => gmCoord(), { with: () => [vqa()] })
describeGradientTransform('ogmGe', () => ogmGe(), { with: () => [vqa()] })
