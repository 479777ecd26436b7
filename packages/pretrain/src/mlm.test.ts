import type { HostBatch } from '@unidiag/core/data/batch-draft'
import { batchKeys } from '@unidiag/core/data/batch-keys'
import { computeGradients, readLosses } from '@unidiag/core/nn/compute-gradients'
import { Step } from '@unidiag/core/step'
import { useBackend } from '@unidiag/testing/backends'
import { setUp } from '@unidiag/testing/set-up'
import { tinyBatch, tinyTokenizer } from '@unidiag/testing/tiny-data'
import { tinyModel } from '@unidiag/testing/tiny-model'
import { describe, expect, it } from 'vitest'
import { mlm } from './mlm.js'
import { randomPatch } from './random-patch.js'
import { maskedPositions, textMask } from './text-mask.js'

describe('mlm', () => {
  useBackend()

  const run = async (positions: 'masked' | 'all', change: (batch: HostBatch) => HostBatch = (batch) => batch) => {
    const tiny = tinyModel()
    const needs = { ...tiny, tokenizer: tinyTokenizer }
    const objective = await setUp(mlm({ positions }), needs)
    const batch = change(await tinyBatch({ parts: [await setUp(randomPatch(), needs), await setUp(textMask({ ratio: 0.4 }), needs)] }))
    const step = new Step({ model: tiny.model, batch, training: false })
    const { losses, gradients } = computeGradients(tiny.parameters.trainable(), () => {
      const loss = objective.loss(step)
      return { total: loss, parts: { mlm: loss } }
    })
    return { loss: readLosses(losses).mlm, gradients: new Map([...gradients].map(([name, gradient]) => [name, gradient.dataSync()])) }
  }

  it('has the same loss and gradients as when every position goes through the head', async () => {
    const [masked, full] = [await run('masked'), await run('all')]
    expect(masked.loss).toBeGreaterThan(1)
    expect(masked.loss).toBeCloseTo(full.loss, 6)
    expect([...masked.gradients.keys()].sort()).toEqual([...full.gradients.keys()].sort())
    for (const [name, gradient] of masked.gradients) {
      const expected = full.gradients.get(name)!
      for (const [i, value] of gradient.entries()) expect(Math.abs(value - expected[i]), name).toBeLessThan(1e-6)
    }
  })

  it.each(['masked', 'all'] as const)('%s: a batch without a masked token costs 0 and has no gradient', async (positions) => {
    const { loss, gradients } = await run(positions, (batch) => {
      const labels = new Int32Array(batch.arrays[batchKeys.maskedTextLabels].data.length).fill(-100)
      return {
        ...batch,
        arrays: {
          ...batch.arrays,
          [batchKeys.maskedTextLabels]: { data: labels, shape: batch.arrays[batchKeys.maskedTextLabels].shape },
          [batchKeys.maskedTextPositions]: maskedPositions(labels),
        },
      }
    })
    expect(loss).toBe(0)
    for (const gradient of gradients.values()) expect(gradient.every((value) => value === 0)).toBe(true)
  })
})
