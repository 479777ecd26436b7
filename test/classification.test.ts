import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadCheckpoint } from '@unidiag/core/checkpoint'
import { compose } from '@unidiag/core/compose'
import { Task } from '@unidiag/core/contracts/task'
import { classification } from '@unidiag/tasks/classification'
import { useBackend } from '@unidiag/testing/backends'
import { tinyDataset } from '@unidiag/testing/tiny-data'
import { tinyPlugins } from '@unidiag/testing/tiny-plugins'
import { fineTune } from '@unidiag/tuning/fine-tune'
import { gmCoord } from '@unidiag/tuning/gm-coord'
import { lastValueFrom, toArray } from 'rxjs'
import { afterAll, describe, expect, it } from 'vitest'

describe('classification', () => {
  useBackend()
  const made: string[] = []
  afterAll(() => Promise.all(made.map((dir) => rm(dir, { recursive: true }))))

  it('learns labels under GM-Coord, reports its tables, and is made again from a checkpoint', async () => {
    made.push(await mkdtemp(join(tmpdir(), 'unidiag-classification-')))
    const dataset = tinyDataset({ train: 16, val: 8, test: 8 })
    const tiny = tinyPlugins({ dataset, dropout: 0 })
    const tuning = fineTune({ epochs: 15, batchSize: 8, testSplit: 'train', optimizer: { learningRate: 1e-2, multiplier: { heads: 2, multiModal: 1 } } })
    const pipeline = await compose({ out: made[0], plugins: [...tiny, classification({ column: 'answer', resamples: 50 }), gmCoord({ noise: 'off' }), tuning] })
    const events = await lastValueFrom(pipeline.run().pipe(toArray()))
    await pipeline.close()
    const losses = events.flatMap((event) => (event.type === 'step' ? [event.losses.classification] : []))
    expect(losses.at(-1)).toBeLessThan(0.8 * losses[0])
    const score = events.flatMap((event) => (event.type === 'score' ? [event.score] : [])).at(-1)
    expect(Object.keys(score?.metrics ?? {})).toEqual(['accuracy', 'auc', 'sensitivity', 'specificity', 'precision', 'f1'])
    expect(score?.tables?.confusion.rows.map(([label]) => label)).toEqual(['no', 'yes'])
    expect(score?.protocol.details).toMatchObject({ column: 'answer', classSource: 'tiny: train' })

    const { meaning } = await loadCheckpoint(join(made[0], 'last.safetensors'))
    const again = await compose({ plugins: [...tiny, classification({ state: (meaning.task as { state: never }).state })] })
    expect([0, 1].map((i) => again.get(Task).label(i))).toEqual(['no', 'yes'])
    await again.close()
  })
})
