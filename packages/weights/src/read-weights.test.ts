import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeShared } from '@unidiag/testing/shared'
import { expect, it } from 'vitest'
import { readWeights, type Weights } from './read-weights.js'

interface Golden {
  readonly format: 'zip' | 'legacy' | 'plain-pickle'
  readonly tensors: Readonly<Record<string, { readonly shape: number[]; readonly dtype: string; readonly sum: number; readonly first: number[] }>>
}

const formats = { zip: 'torch-zip', legacy: 'torch-legacy', 'plain-pickle': 'pickle' }
const dtypes: Record<string, string> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint8: 'U8',
  bool: 'BOOL',
  // The reader that made the golden values has no bfloat16 and gives its bits.
  uint16: 'BF16',
}

const values = (data: Weights['tensors'] extends ReadonlyMap<string, infer T> ? T : never): number[] => {
  const numbers = Array.from(data.data as ArrayLike<number | bigint>, Number)
  return data.dtype === 'BF16' ? numbers.map((x) => new Uint16Array(Float32Array.of(x).buffer)[1]) : numbers
}

describeShared('weights of others', (shared) => {
  const dir = join(shared, 'data', 'weights')
  const goldens = readdirSync(dir, { recursive: true })
    .map(String)
    .filter((file) => file.endsWith('.golden.json'))
    .sort()

  it('has a case for every file', () => {
    const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && !entry.name.endsWith('.golden.json'))
    const others = files.map(({ name }) => name).filter((name) => !goldens.some((golden) => golden.endsWith(`${name}.golden.json`)))
    // These have tests of their own below.
    expect(others.filter((name) => name.endsWith('.pt') || name.endsWith('.safetensors')).sort()).toEqual([
      'broken.pt',
      'mnist.safetensors',
      'special_values.pt',
    ])
    expect(goldens.filter((golden) => golden.startsWith('pt-reader-cases'))).toHaveLength(28)
  })

  it.each(goldens)('%s', async (file) => {
    const golden: Golden = JSON.parse(readFileSync(join(dir, file), 'utf8'))
    const { format, tensors } = await readWeights(join(dir, file.replace(/\.golden\.json$/, '')))
    expect(format).toBe(formats[golden.format])
    expect([...tensors.keys()].sort()).toEqual(Object.keys(golden.tensors).sort())
    for (const [name, expected] of Object.entries(golden.tensors)) {
      const tensor = tensors.get(name)!
      expect(tensor.shape, name).toEqual(expected.shape)
      expect(tensor.dtype, name).toBe(dtypes[expected.dtype])
      const numbers = values(tensor)
      expect(numbers.slice(0, 4), name).toEqual(expected.first)
      // The order of a sum in float64 costs some last digits.
      const sum = numbers.reduce((a, b) => a + b, 0)
      const magnitude = numbers.reduce((a, b) => a + Math.abs(b), 0)
      expect(Math.abs(sum - expected.sum), `sum of ${name}`).toBeLessThanOrEqual(1e-12 * magnitude)
    }
  })

  it('reads values that are not finite', async () => {
    const { tensors } = await readWeights(join(dir, 'pt-reader-cases', 'special_values.pt'))
    expect(tensors.size).toBeGreaterThan(0)
    const all = [...tensors.values()].flatMap(values)
    expect(all.some(Number.isNaN) && all.includes(Number.POSITIVE_INFINITY) && all.includes(Number.NEGATIVE_INFINITY)).toBe(true)
  })

  it('reads safetensors', async () => {
    const { format, tensors } = await readWeights(join(dir, 'burn-mnist', 'mnist.safetensors'))
    const { tensors: torch } = await readWeights(join(dir, 'burn-mnist', 'mnist.pt'))
    expect(format).toBe('safetensors')
    expect(tensors.size).toBe(20)
    // The same architecture, trained another time.
    for (const [name, { dtype, shape }] of torch) expect([tensors.get(name)?.dtype, tensors.get(name)?.shape], name).toEqual([dtype, shape])
  })

  it('tells that a broken file is broken', async () => {
    const file = join(dir, 'pt-reader-cases', 'broken.pt')
    const reading = readWeights(file)
    await expect(reading).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID' })
    await expect(reading).rejects.toThrow(`${file}: it is neither safetensors nor a PyTorch, TorchScript or pickle file`)
  })
})
