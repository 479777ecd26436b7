import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { makeProgram } from '../program.js'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'unidiag-data-'))
})
afterAll(() => rm(root, { recursive: true }))

let out = ''
beforeEach(() => {
  out = ''
  vi.spyOn(console, 'log').mockImplementation((line) => {
    out += `${line}\n`
  })
})
afterEach(() => {
  vi.restoreAllMocks()
  process.exitCode = undefined
})
const unidiag = (...args: string[]) => makeProgram().parseAsync(['data', ...args], { from: 'user' })

async function config(stage = ''): Promise<string> {
  const file = join(root, 'config.yaml')
  const data = ['questions', 'captions'].map((kind) => `  - synthetic: { kind: ${kind}, samples: { train: 12, val: 4, test: 4 } }\n`).join('')
  await writeFile(file, `plugins:\n${data}  - trained-bpe: { vocabSize: 300 }\n  - images: { size: 24 }\n${stage}`)
  return file
}

it('prepares every data set of a config, and says how to read it', async () => {
  const shards = join(root, 'shards')
  await unidiag('prepare', await config(), '--out', shards, '--measure', '3')
  expect(out).toMatch(/synthetic-questions: 3 shards, 3 of them written now, squares of 24 pixels/)
  expect(out).toMatch(/train: 12 samples, 6 images, tokens: longest \d+/)
  expect(out).toMatch(/decoding \d images: [\d.]+ images\/s from the files, [\d.]+ images\/s from the shards/)
  expect(out).toContain(`- prepared: { dir: ${JSON.stringify(join(shards, 'synthetic-captions'))} }`)
  out = ''
  await unidiag('prepare', await config(), '--out', shards, '--dataset', 'synthetic-captions', '--json')
  expect(JSON.parse(out)).toMatchObject([{ dataset: 'synthetic-captions', written: 0, manifest: { synthetic: true } }])
  await expect(unidiag('prepare', await config(), '--out', shards, '--set', 'images.size=32')).rejects.toMatchObject({ code: 'DATA_STALE' })
  await expect(unidiag('prepare', await config(), '--out', shards, '--dataset', 'other')).rejects.toMatchObject({
    code: 'OPTION_INVALID',
    fix: expect.stringContaining('synthetic-questions, synthetic-captions'),
  })
})

it('keeps whole images where a stage crops at random', async () => {
  await unidiag('prepare', await config('  - mr-pretrain: { dataset: synthetic-captions, augment: true }\n'), '--out', join(root, 'whole'), '--json')
  expect(JSON.parse(out)).toMatchObject([{ manifest: { cut: 'whole' } }, { manifest: { cut: 'whole' } }])
})

it('prepares a data set that is named', async () => {
  const dir = join(root, 'own')
  const shards = join(root, 'named')
  const file = join(root, 'shards/synthetic-captions')
  await expect(unidiag('prepare', 'prepared', file, '--out', shards)).rejects.toMatchObject({ fix: expect.stringContaining('--size') })
  await expect(unidiag('prepare', 'table', '--size', '24', '--out', shards)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  await expect(unidiag('prepare', 'table', dir, '--size', '24', '--out', shards)).rejects.toMatchObject({ code: 'DATA_MISSING' })
  await unidiag('prepare', 'prepared', file, '--size', '24', '--out', shards, '--json')
  expect(JSON.parse(out)).toMatchObject([{ dataset: 'synthetic-captions' }])
})

it('verifies several data sets, and those of a config', async () => {
  const shards = (name: string) => ['prepared', join(root, 'shards', name)]
  await unidiag('verify', ...shards('synthetic-captions'), ...shards('synthetic-questions'), '--json')
  expect(JSON.parse(out)).toMatchObject({ reports: [{ problems: [] }, { problems: [] }], shared: [] })
  out = ''
  await unidiag('verify', await config())
  expect(out).toMatch(/^synthetic-questions\n[\s\S]*synthetic-captions\n[\s\S]*no image is in two of the data sets\n$/)
  expect(process.exitCode).toBeUndefined()
  out = ''
  await unidiag('verify', ...shards('synthetic-captions'), await config())
  expect(out).toContain('leak between data sets:')
  expect(process.exitCode).toBe(1)
  await expect(unidiag('verify', 'prepared')).rejects.toMatchObject({ code: 'OPTION_INVALID', message: 'prepared needs its folder' })
  await expect(unidiag('verify', 'vqa-rat', root)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  expect(await readFile(join(root, 'shards/synthetic-captions/prepared.json'), 'utf8')).toContain('unidiag-shards')
})
