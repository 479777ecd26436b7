import { compose } from '@unidiag/core/compose'
import { Stage } from '@unidiag/core/contracts/stage'
import type { RunEvent } from '@unidiag/core/events'
import { writeSafetensors } from '@unidiag/core/io/safetensors'
import { ParameterStore, zeros } from '@unidiag/core/nn/parameter'
import { definePlugin } from '@unidiag/core/plugin'
import { useBackend } from '@unidiag/testing/backends'
import { EMPTY, lastValueFrom, toArray } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { inFolder } from './fixtures/in-folder.js'
import { init } from './init.js'

useBackend()
const path = inFolder()
const write = async (name: string, tensors: Readonly<Record<string, readonly number[]>>) => {
  const file = await path(name)
  await writeSafetensors(file, new Map(Object.entries(tensors).map(([key, data]) => [key, { shape: [data.length], data: Float32Array.from(data) }])))
  return file
}

/** A stage behind `init` that tells what it found. */
const seen: number[][] = []
const looking = definePlugin({
  name: 'looking',
  provides: Stage,
  needs: { parameters: ParameterStore },
  options: z.strictObject({}),
  setup: ({ needs: { parameters } }): Stage => {
    const names = ['itm_head.fc.bias', 'vqa_head.0.bias', 'mlm_head.bias']
    for (const name of names) parameters.create(name, [2], zeros)
    return {
      name: 'looking',
      run: () => {
        seen.push(...names.map((name) => [...parameters.get(name).value.dataSync()]))
        return EMPTY
      },
    }
  },
})

describe('init', () => {
  it('loads files in front of the other stages and tells what it did', async () => {
    const files = [
      { file: await write('a.safetensors', { 'itm_head.fc.bias': [1, 2], 'vqa_head.0.bias': [3, 4] }), skip: ['vqa_head'] },
      { file: await write('b.safetensors', { 'itm_head.fc.bias': [5, 6], 'ema.module.itm_head.fc.bias': [7, 8] }), teacher: true },
    ]
    const pipeline = await compose({ plugins: [init({ files }), looking()] })
    const events: RunEvent[] = await lastValueFrom(pipeline.run().pipe(toArray()))
    await pipeline.close()
    expect(seen).toEqual([
      [7, 8],
      [0, 0],
      [0, 0],
    ])
    expect(events.filter(({ type }) => type === 'note')).toEqual([
      { type: 'note', stage: 'init', message: `${files[0].file} (safetensors, names of m3ae); loaded 1 parameter; skipped 1 x was to be skipped` },
      { type: 'note', stage: 'init', message: `${files[1].file} (safetensors, names of m3ae); loaded 1 parameter; skipped 1 x a weight of the student` },
      { type: 'note', stage: 'init', message: '2 parameters keep their random values: 1 x vqa_head, 1 x mlm_head' },
    ])
  })

  it('ends a run whose file is missing', async () => {
    const pipeline = await compose({ plugins: [init({ files: [{ file: await path('nowhere.pt') }] }), looking()] })
    await expect(lastValueFrom(pipeline.run())).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID' })
    await pipeline.close()
  })

  it('needs files', async () => {
    await expect(compose({ plugins: [init({ files: [] })] })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await expect(compose({ plugins: [init({ files: [{ file: 'a', kind: 'flax' as 'm3ae' }] })] })).rejects.toThrow(/kind/)
  })
})
