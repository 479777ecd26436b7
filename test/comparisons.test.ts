import { writeFile } from 'node:fs/promises'
import { loadConfig } from '@unidiag/cli/config'
import { compose } from '@unidiag/core/compose'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import { useBackend } from '@unidiag/testing/backends'
import { lastValueFrom, toArray } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { scratch, told } from './run-folder.js'
import { without } from './whole-method.js'

const path = scratch()

/** Runs the config of the whole method without some of its lines and with others. */
async function run(name: string, { left, lines = [], set = [] }: { left: readonly string[]; lines?: readonly string[]; set?: readonly string[] }) {
  const file = path(`${name}.yaml`)
  await writeFile(file, `${(await without(...left)).trimEnd()}\n${lines.map((line) => `  - ${line}\n`).join('')}`)
  const { plugins, seed } = await loadConfig(file, { set })
  const pipeline = await compose({ plugins, seed })
  const parameters = pipeline.get(ParameterStore)
  const values = () => Object.fromEntries(parameters.all().map(({ name, value }) => [name, value.dataSync().join()]))
  const before = values()
  const events = await lastValueFrom(pipeline.run().pipe(toArray()))
  const after = values()
  await pipeline.close()
  const steps = told(events, 'step')
  return { events, steps, trained: Object.keys(before).filter((name) => before[name] !== after[name]) }
}

const pretraining = ['mr-pretrain', 'mim-decoder', 'mim', 'mlm', 'fea-mim', 'fea-mlm', 'itm', 'ema-teacher', 'random-patch', 'text-mask']

describe('what the method is compared with', () => {
  useBackend()

  it('task-adaptive pre-training is td-calib with pixels and tokens alone, without a teacher', async () => {
    const { steps, trained } = await run('tapt', {
      left: ['mr-pretrain', 'fea-mim', 'fea-mlm', 'itm', 'ema-teacher', 'gm-coord'],
      set: ['td-calib.objectives=[mlm, mim]', 'td-calib.weights={mlm: 1, mim: 1}', 'fine-tune.steps=1'],
    })
    const adapted = steps.filter(({ stage }) => stage === 'td-calib')
    expect(adapted).toHaveLength(3)
    for (const { losses } of adapted) expect(losses.total).toBeCloseTo(losses.mlm + losses.mim, 5)
    expect(trained).toContain('mlm_head.decoder.weight')
  })

  it('LP-FT is linear-probe before fine-tune, with OGM-GE in place of GM-Coord', async () => {
    const { events, steps, trained } = await run('lp-ft', {
      left: [...pretraining, 'td-calib', 'gm-coord', 'fine-tune'],
      lines: ['ogm-ge', 'linear-probe: { dataset: questions, batchSize: 8, epochs: 3, testSplit: null }', 'fine-tune: { dataset: questions, batchSize: 8 }'],
    })
    expect(told(events, 'run-start')[0].stages).toEqual(['linear-probe', 'fine-tune'])
    for (const { stage, coefficients } of steps) expect('kText' in coefficients, stage).toBe(stage === 'fine-tune')
    expect(told(events, 'score').map(({ stage, score }) => [stage, score.protocol.split])).toEqual([
      ...Array(3).fill(['linear-probe', 'val']),
      ['fine-tune', 'val'],
      ['fine-tune', 'test'],
    ])
    expect(trained.some((name) => name.startsWith('vision_encoder.'))).toBe(true)
  })
})
