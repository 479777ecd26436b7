import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { toFile } from '@unidiag/core/nn/layout'
import type { ParameterOptions, Parameters } from '@unidiag/core/nn/parameter'
import { setUp } from '@unidiag/testing/set-up'
import { describeShared } from '@unidiag/testing/shared'
import { expect, it } from 'vitest'
import { clipVit } from './clip-vit.js'
import { coAttention } from './co-attention.js'
import { roberta } from './roberta.js'

/** Names and file shapes of the default model, without making its 318 million values. */
async function shapesOfDefaults(): Promise<Map<string, string>> {
  const shapes = new Map<string, string>()
  const parameters = {
    create(name: string, shape: readonly number[], _: unknown, { layout = 'plain' }: ParameterOptions = {}) {
      shapes.set(name, toFile(layout, shape).shape.join('x'))
      return { name, shape }
    },
  } as unknown as Parameters
  const image = await setUp(clipVit(), { parameters })
  const text = await setUp(roberta({ vocabSize: 50265 }), { parameters })
  await setUp(coAttention(), { parameters, image, text })
  return shapes
}

it('has the layer-norm eps of the reference, which comparisons of outputs cannot tell apart', () => {
  expect(coAttention.definition.options.parse({}).eps).toBe(1e-12)
  expect(roberta.definition.options.parse({}).eps).toBe(1e-5)
})

describeShared('the default model', (dir) => {
  it('has exactly the parameters of the reference that are used', async () => {
    const lines = (await readFile(join(dir, 'spec/umd-parameter-names-384.tsv'), 'utf8')).trim().split('\n')
    const unused = /^vision_encoder\.(?!visual)|^language_encoder\.pooler|position_ids|_head\.|^feal_proj/
    const expected = new Map(lines.map((line) => line.split('\t') as [string, string]).filter(([name]) => !unused.test(name)))
    expect(new Map([...(await shapesOfDefaults())].sort())).toEqual(new Map([...expected].sort()))
  })

  it('has as many values as counted', async () => {
    const shapes = await shapesOfDefaults()
    const count = (prefix: RegExp) =>
      [...shapes]
        .filter(([name]) => prefix.test(name))
        .reduce(
          (total, [, shape]) =>
            total +
            shape
              .split('x')
              .map(Number)
              .reduce((a, b) => a * b),
          0,
        )
    expect(count(/^vision_encoder/)).toBe(79_003_392)
    expect(count(/^language_encoder/)).toBe(124_055_040)
    expect(count(/_layers\./)).toBe(113_421_312)
    expect(count(/^/)).toBe(318_843_648)
  })
})
