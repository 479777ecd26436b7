import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { testBackend } from '@unidiag/testing/backends'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const bin = fileURLToPath(new URL('../bin/unidiag.js', import.meta.url))

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs the built command. @param at sees standard output as it grows */
function unidiag(args: readonly string[], at: (out: string, kill: () => void) => void = () => {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [bin, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    let [out, err] = ['', '']
    child.stdout.on('data', (chunk) => {
      out += chunk
      at(out, () => child.killed || child.kill('SIGINT'))
    })
    child.stderr.on('data', (chunk) => {
      err += chunk
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, out, err }))
  })
}

const CONFIG = `
seed: 1
out: ./run
plugins:
  - synthetic: { kind: questions, size: 16, samples: { train: 48, val: 8, test: 16 } }
  - images: { threads: 1 }
  - trained-bpe: { vocabSize: 300 }
  - clip-vit: { imageSize: 16, patchSize: 8, width: 16, heads: 2, blocks: 1 }
  - roberta: { width: 16, layers: 1, heads: 2, ffn: 32, maxLength: 16, maxPositions: 18 }
  - co-attention: { width: 16, layers: 1, heads: 2 }
  - vqa: { resamples: 50 }
  - backend: { name: ${testBackend()} }
  - gm-coord
  - fine-tune: { batchSize: 8, steps: 6, epochs: 9, maxLength: 14, validateEvery: 9, optimizer: { learningRate: 1e-3 } }
`

let dir: string
let config: string
let image: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'unidiag-cli-'))
  config = join(dir, 'toy.yaml')
  image = join(dir, 'scan.png')
  await writeFile(config, CONFIG)
  await sharp({ create: { width: 20, height: 30, channels: 3, background: '#406080' } })
    .png()
    .toFile(image)
})
afterAll(() => rm(dir, { recursive: true }))

describe('a run', () => {
  let run: string
  beforeAll(async () => {
    run = join(dir, 'run')
    const ended = await unidiag(['run', config])
    expect(ended, ended.err).toMatchObject({ code: 0, out: expect.stringContaining('fine-tune 6/6') })
  })

  it('leaves what it takes to score it again, in another process, to the same numbers', async () => {
    const events = (await readFile(join(run, 'events.jsonl'), 'utf8')).trim().split('\n')
    const score = events.map((line) => JSON.parse(line)).findLast(({ type }) => type === 'score').score
    const { code, out } = await unidiag(['eval', run, '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(out).score).toEqual(score)
    expect(score.protocol).toMatchObject({ dataset: 'synthetic-questions', synthetic: true, split: 'test', samples: 16, lost: 0 })
  })

  it('answers questions from its files alone', async () => {
    const { code, out } = await unidiag(['predict', '--checkpoint', run, '--image', image, '--question', 'what is it ?', '--top', '3', '--json'])
    expect(code).toBe(0)
    const { answers } = JSON.parse(out)
    expect(answers).toHaveLength(3)
    expect(answers[0].probability).toBeGreaterThanOrEqual(answers[1].probability)
    const plain = await unidiag(['predict', '--checkpoint', run, '--image', image, '--question', 'what is it ?', '--top', '1'])
    expect(plain.out).toBe(`${answers[0].probability.toFixed(4)}  ${answers[0].answer}\n`)
  })

  it.each([
    ['an empty question', ' ', /^error TEXT_EMPTY: /],
    [
      'a question over the limit',
      'is there a lesion in the left or in the right half of this image ?',
      /^error TEXT_TOO_LONG: the question has \d+ tokens.* at most 14\n/,
    ],
  ])('refuses %s', async (_, question, message) => {
    const { code, err } = await unidiag(['predict', '--checkpoint', run, '--image', image, '--question', question])
    expect(err).toMatch(message)
    expect(code).toBe(2)
  })

  it('is run again from the config it has saved', async () => {
    const again = join(dir, 'again')
    const { code } = await unidiag(['run', join(run, 'config.json'), '--out', again])
    expect(code).toBe(0)
    const [a, b] = await Promise.all([run, again].map(async (of) => JSON.parse(await readFile(join(of, 'config.json'), 'utf8'))))
    expect({ ...b, out: a.out }).toEqual(a)
    const weights = await Promise.all([run, again].map((of) => unidiag(['eval', of, '--json'])))
    expect(JSON.parse(weights[0].out).score).toEqual(JSON.parse(weights[1].out).score)
  })

  it('stops at Ctrl-C with a checkpoint, and goes on from it', async () => {
    const stopped = join(dir, 'stopped')
    const long = ['run', config, '--out', stopped, '--set', 'fine-tune.steps=24', '--set', 'fine-tune.epochs=40']
    const { code, err, out } = await unidiag(long, (shown, kill) => {
      if (/fine-tune \d+\/24/.test(shown)) kill()
    })
    expect(err).toContain('stopped; go on with: unidiag run')
    expect(code).toBe(130)
    expect(out).not.toContain('fine-tune 24/24')
    const resumed = await unidiag([...long, '--resume'])
    expect(resumed.code).toBe(0)
    expect(resumed.out).toMatch(/from step \d+/)
    expect(resumed.out).toContain('fine-tune 24/24')
  })

  it('collects every wrong option before it starts', async () => {
    const { code, err } = await unidiag(['run', config, '--set', 'clip-vit.imageSise=3', '--set', 'fine-tune.step=3'])
    expect(code).toBe(2)
    expect(err).toMatch(/imageSise.*did you mean imageSize/)
    expect(err).toMatch(/step.*did you mean steps/)
  })
})
