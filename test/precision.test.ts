import { startTorch } from '@unidiag/backend-torch/backend'
import { locateTorch } from '@unidiag/backend-torch/locate'
import { loadConfig } from '@unidiag/cli/config'
import { startBackend } from '@unidiag/core/backend/backend'
import { compose } from '@unidiag/core/compose'
import type { RunEvent, StepEvent } from '@unidiag/core/events'
import { lastValueFrom, toArray } from 'rxjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { wholeMethod } from './whole-method.js'

const passed: string[] = []
const here = locateTorch(undefined, passed)

describe('precision', () => {
  it('bf16 is refused by name where an engine does not compute in it', async () => {
    await expect(startBackend('cpu', { precision: 'bf16' })).rejects.toMatchObject({ code: 'OPTION_INVALID', message: /cpu does not compute in bf16/ })
  })
})

describe.skipIf(!here)(`precision on torch${here ? '' : ` (skipped, no libtorch: ${passed.join('; ')})`}`, () => {
  beforeAll(() => startBackend('torch').then(() => {}), 120_000)

  it('bf16 learns along the curve of f32', async () => {
    const curve = async (precision: 'f32' | 'bf16'): Promise<number[]> => {
      await startTorch({ threads: 1, precision })
      const set = ['mr-pretrain.steps=60', 'mr-pretrain.epochs=60', 'mr-pretrain.batchSize=8', 'mr-pretrain.optimizer.learningRate=1e-3']
      const config = await loadConfig(wholeMethod, { set })
      const plugins = config.plugins.filter(({ definition }) => !/td-calib|fine-tune|gm-coord|backend/.test(definition.name))
      const pipeline = await compose({ plugins, seed: 3 })
      try {
        const events: RunEvent[] = await lastValueFrom(pipeline.run().pipe(toArray()))
        return events.filter((event): event is StepEvent => event.type === 'step').map(({ losses }) => losses.total)
      } finally {
        await pipeline.close()
      }
    }
    const [exact, reduced] = [await curve('f32'), await curve('bf16')]
    expect(exact).toHaveLength(60)
    expect(reduced).not.toEqual(exact)
    const tenth = (losses: readonly number[], at: number) => losses.slice(at, at + 10).reduce((a, b) => a + b, 0) / 10
    for (let at = 0; at < 60; at += 10) expect(Math.abs(tenth(reduced, at) / tenth(exact, at) - 1)).toBeLessThan(0.02)
    expect(tenth(reduced, 50)).toBeLessThan(0.95 * tenth(reduced, 0))
  })
})
