import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const python = (...args: string[]) => spawnSync('python3', args, { encoding: 'utf8' })
const hasPython = python('--version').status === 0

/** The table that bench/gpu.sh writes of the lines of its runs. */
async function table(...lines: object[]): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'unidiag-table-'))
  await writeFile(join(root, 'runs'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  const { stdout, stderr } = python('bench/torch_gpu.py', 'table', join(root, 'runs'))
  await rm(root, { recursive: true })
  return stdout + stderr
}

const torch = (mode: string, median: number) => ({
  ...{ engine: `PyTorch ${mode}`, size: 'small', precision: 'bf16', batch: 8, gflop: 500 },
  seconds: { median, min: median / 2, max: median * 2 },
})
const unidiag = (median: number) => ({
  unidiag: { preset: 'small', precision: 'bf16', batch: 8, medianSeconds: median, minSeconds: median / 2, maxSeconds: median * 2, gflopsPerStep: 1 },
})
const peak = { peak: { f32: 10, bf16: 100 }, product: 8192, device: 'a GPU', torch: '2.9' }

it.skipIf(!hasPython)(
  'tells rates by the arithmetic of the model and the product of the same precision, medians of runs, ratios to eager PyTorch',
  async () => {
    const text = await table(peak, unidiag(0.04), torch('eager', 0.08), unidiag(0.06), torch('eager', 0.12), torch('compile', 0.05))
    expect(text).toContain('a GPU, PyTorch 2.9; a matrix product of 8192 x 8192: 10.00 TFLOP/s in f32, 100.00 TFLOP/s in bf16')
    // 500 GFLOP in 0.05 s are 10 TFLOP/s, a tenth of what the product reaches in bf16.
    expect(text).toContain('| small | bf16 | UniDiag | 0.05000 (0.02000, 0.12000) | 2 | 160.0 | 10.000 | 10.0 % | 0.50 |')
    expect(text).toContain('| small | bf16 | PyTorch eager | 0.10000 (0.04000, 0.24000) | 2 | 80.0 | 5.000 | 5.0 % | 1.00 |')
    expect(text).toContain('| small | bf16 | PyTorch compile | 0.05000 (0.02500, 0.10000) | 1 | 160.0 | 10.000 | 10.0 % | 0.50 |')
  },
)

it.skipIf(!hasPython)('has what there is when runs failed, and names them', async () => {
  const text = await table({ failed: 'large matrix products' }, unidiag(0.04), { failed: 'PyTorch eager, small, bf16' })
  expect(text).toContain('| small | bf16 | UniDiag | 0.04000 (0.02000, 0.08000) | 1 | 200.0 |  |  |  |')
  expect(text).toContain('Failed: large matrix products; PyTorch eager, small, bf16')
})
