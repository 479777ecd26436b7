import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Tensor2D, tensor2d } from '@tensorflow/tfjs-core'
import type { Fusion } from '@unidiag/core/contracts/encoders'
import { readSafetensors } from '@unidiag/core/io/safetensors'
import type { VisionLanguageModel } from '@unidiag/core/model'
import { Parameters } from '@unidiag/core/nn/parameter'
import { Random } from '@unidiag/core/random'
import { Step } from '@unidiag/core/step'
import { useBackend } from '@unidiag/testing/backends'
import { describeShared } from '@unidiag/testing/shared'
import { expect, it } from 'vitest'
import { vqa } from './vqa.js'

describeShared('vqa against the reference', (shared) => {
  useBackend()

  it('gives the logits, loss and contributions of the released code', async () => {
    const { tensors } = await readSafetensors(join(shared, 'parity', 'downstream_io.safetensors'))
    const expected = JSON.parse(await readFile(join(shared, 'parity', 'downstream.json'), 'utf8')).vqa
    const stored = (name: string) => {
      const { data, shape } = tensors.get(name)!
      return { data: Float32Array.from(data as ArrayLike<number>, Number), shape }
    }
    const features = (name: string) => tensor2d(stored(name).data, stored(name).shape as [number, number])
    const [batch, outputs] = stored('vqa.logits').shape

    const parameters = new Parameters(new Random(0))
    const answers = Array.from({ length: outputs }, (_, i) => `answer ${i}`)
    const task = await vqa.definition.setup({
      needs: { parameters, fusion: { width: stored('vqa.text_cls_feats').shape[1] } as Fusion, random: new Random(0), datasets: [] } as never,
      options: vqa.definition.options.parse({ state: { answers, source: 'fixture', majority: {}, outside: {} } }),
    })
    const weights = [...tensors.keys()].filter((name) => name.startsWith('weight.vqa_head.'))
    parameters.load(new Map(weights.map((name) => [name.replace('weight.', ''), stored(name)])), { strict: true })
    const step = new Step({
      model: {} as VisionLanguageModel,
      batch: {
        index: 0,
        epoch: 0,
        samples: [],
        lost: [],
        arrays: {
          'vqa.targets': stored('vqa.targets'),
          'vqa.label': { data: Int32Array.from(stored('in.vqa_labels').data), shape: [batch] },
        },
      },
      training: false,
    })
    const pooled = { text: features('vqa.text_cls_feats'), image: features('vqa.image_cls_feats') }
    const logits = task.logits(pooled, step)
    const close = (got: Tensor2D, name: string) => {
      const want = stored(name).data
      got.dataSync().forEach((x, i) => void expect(x, `${name}[${i}]`).toBeCloseTo(want[i], 4))
    }
    close(logits, 'vqa.logits')
    expect(task.loss(logits, step).dataSync()[0]).toBeCloseTo(expected.loss, 4)
    const code = task.unimodal(pooled, 'code')
    close(code.text, 'vqa.gm_out_text')
    close(code.image, 'vqa.gm_out_image')
    const score = (of: Tensor2D) => (task.groundTruth(of, step).dataSync() as Float32Array).reduce((a, b) => a + b)
    expect(score(code.text)).toBeCloseTo(expected.score_text, 5)
    expect(score(code.image)).toBeCloseTo(expected.score_image, 5)
  })
})
