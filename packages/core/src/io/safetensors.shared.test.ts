import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeShared } from '@unidiag/testing/shared'
import { expect, it } from 'vitest'
import { readFloat32, readSafetensors } from './safetensors.js'

describeShared('safetensors made by other programs', (dir) => {
  const parity = readdirSync(join(dir, 'parity'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.safetensors'))

  it.each(parity)('reads %s', async (file) => {
    const { tensors } = await readSafetensors(join(dir, 'parity', file))
    expect(tensors.size).toBeGreaterThan(0)
    for (const { shape, data } of tensors.values()) expect(data.length).toBe(shape.reduce((a, b) => a * b, 1))
  })

  it('reads the tensors that the README of the parity set lists', async () => {
    const tensors = await readFloat32(join(dir, 'parity', 'hf_roberta', 'model.safetensors'))
    expect(tensors.get('roberta.embeddings.word_embeddings.weight')?.shape).toEqual([60, 24])
    expect(tensors.has('roberta.embeddings.position_ids')).toBe(false)
  })

  it('reads a published file: integer counters beside trained weights', async () => {
    const weights = join(dir, 'data', 'weights', 'burn-mnist')
    const { tensors } = await readSafetensors(join(weights, 'mnist.safetensors'))
    // The golden numbers are of another training run of the same network: names and shapes are comparable, values are not.
    const golden: Record<string, { shape: number[] }> = JSON.parse(readFileSync(join(weights, 'mnist.pt.golden.json'), 'utf8')).tensors
    expect(Object.fromEntries([...tensors].map(([name, { shape }]) => [name, shape]))).toEqual(
      Object.fromEntries(Object.entries(golden).map(([name, { shape }]) => [name, shape])),
    )
    expect(tensors.get('norm1.num_batches_tracked')).toMatchObject({ dtype: 'I64', data: expect.any(BigInt64Array) })
    for (const { data } of (await readFloat32(join(weights, 'mnist.safetensors'))).values()) expect(data.every((x) => Math.abs(x) < 100)).toBe(true)
  })
})
