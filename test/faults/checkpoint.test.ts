import { copyFile, cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { readSafetensors, writeSafetensors } from '@unidiag/core/io/safetensors'
import type { FileTensor } from '@unidiag/core/nn/parameter'
import sharp from 'sharp'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Ended, unidiag } from '../command.js'
import { scratch } from '../run-folder.js'
import { without } from '../whole-method.js'

const path = scratch()
const config = path('config.yaml')
const run = path('run')
const image = path('scan.png')

beforeAll(async () => {
  await writeFile(config, await without('mr-pretrain', 'td-calib', 'gm-coord'))
  await sharp({ create: { width: 20, height: 30, channels: 3, background: '#406080' } })
    .png()
    .toFile(image)
  const ended = await unidiag(['run', config, '--out', run])
  expect(ended, ended.err).toMatchObject({ code: 0 })
})

const evaluate = (checkpoint: string, ...more: string[]) => unidiag(['eval', checkpoint, ...more])
const ask = (question: string, { checkpoint = run, of = image } = {}) => unidiag(['predict', '--checkpoint', checkpoint, '--image', of, '--question', question])
const resume = (of: string, ...more: string[]) => unidiag(['run', config, '--out', of, '--resume', ...more])

function expectRefused({ code, out, err }: Ended, message: string): void {
  expect(err).toContain(`error ${message}`)
  expect(err).toMatch(/^fix: .+$/m)
  expect(code).toBe(2)
  expect(out).toBe('')
}

/** A folder with the run's files, one of them changed. */
async function changed(name: string, file: string, change: (bytes: Buffer) => Uint8Array): Promise<string> {
  await cp(run, path(name), { recursive: true })
  await writeFile(path(name, file), change(await readFile(path(name, file))))
  return path(name)
}

/** A folder with the run's files, in which the tensors or the metadata of a checkpoint are others. */
async function rewritten(name: string, file: string, change: (tensors: Map<string, FileTensor>, metadata: Record<string, string>) => void): Promise<string> {
  await cp(run, path(name), { recursive: true })
  const read = await readSafetensors(path(name, file))
  const tensors = new Map(Array.from(read.tensors, ([key, { shape, data }]) => [key, { shape, data: data as Float32Array }]))
  const metadata = { ...read.metadata }
  change(tensors, metadata)
  await writeSafetensors(path(name, file), tensors, metadata)
  return path(name)
}

describe('a damaged checkpoint', () => {
  it('cut short, is named by eval', async () => {
    const folder = await changed('cut', 'best.safetensors', (bytes) => bytes.subarray(0, bytes.length - 1000))
    expectRefused(await evaluate(folder), `CHECKPOINT_INVALID: ${path('cut', 'best.safetensors')} is not a valid safetensors file: `)
  })

  it('with a broken header, is named by predict', async () => {
    const folder = await changed('header', 'best.safetensors', (bytes) => Buffer.concat([bytes.subarray(0, 8), Buffer.from('#'), bytes.subarray(9)]))
    expectRefused(
      await ask('what is it ?', { checkpoint: folder }),
      `CHECKPOINT_INVALID: ${path('header', 'best.safetensors')} is not a valid safetensors file: `,
    )
  })

  it('is named by a run that would go on from it, and left as it is', async () => {
    const folder = await changed('cut-last', 'last.safetensors', (bytes) => bytes.subarray(0, 5000))
    expectRefused(await resume(folder), `CHECKPOINT_INVALID: ${path('cut-last', 'last.safetensors')} is not a valid safetensors file: `)
    expect(await readFile(path('cut-last', 'last.safetensors'))).toHaveLength(5000)
  })

  it('that is none, or weights alone, is told apart', async () => {
    expectRefused(await evaluate(path('nowhere')), `CHECKPOINT_INVALID: there is no checkpoint at ${path('nowhere')}`)
    await mkdir(path('weights'))
    await writeSafetensors(path('weights', 'best.safetensors'), new Map([['a', { shape: [1], data: Float32Array.of(1) }]]))
    expectRefused(await evaluate(path('weights')), `CHECKPOINT_INVALID: ${path('weights', 'best.safetensors')} is no checkpoint of a run`)
  })
})

describe('a checkpoint of another shape', () => {
  const table = 'language_encoder.embeddings.position_embeddings.weight'

  it('is refused by eval, naming the weights and both shapes', async () => {
    const ended = await evaluate(run, '--set', 'roberta.maxPositions=20')
    expectRefused(ended, `CHECKPOINT_MISMATCH: ${path('run', 'best.safetensors')} does not fit the model (1 fault):`)
    expect(ended.err).toContain(`${table}: ${path('run', 'best.safetensors')} has [18,8], the model [20,8]`)
  })

  it('is refused by predict', async () => {
    const folder = await rewritten('other-config', 'best.safetensors', (_, metadata) => {
      metadata.config = metadata.config.replace('"maxPositions":18', '"maxPositions":20')
    })
    const ended = await ask('what is it ?', { checkpoint: folder })
    expectRefused(ended, 'CHECKPOINT_MISMATCH: ')
    expect(ended.err).toContain('has [18,8], the model [20,8]')
  })

  it('is refused by a run that would go on from it', async () => {
    const folder = await rewritten('other-weights', 'last.safetensors', (tensors) => {
      tensors.set(table, { shape: [20, 8], data: new Float32Array(160) })
    })
    const ended = await resume(folder)
    expectRefused(ended, 'CHECKPOINT_MISMATCH: ')
    expect(ended.err).toContain('has [20,8], the model [18,8]')
  })

  it('is not resumed under another config: the differences are named', async () => {
    const ended = await resume(run, '--set', 'seed=6', '--set', 'clip-vit.width=16')
    expectRefused(ended, `RESUME_MISMATCH: the run in ${path('run', 'last.safetensors')} was started with another configuration:`)
    expect(ended.err).toContain('seed: was 5, is 6')
    expect(ended.err).toContain('@unidiag/encoders/clip-vit.width: was 8, is 16')
  })

  it('is not read with another tokenizer', async () => {
    const folder = await changed('tokenizer', 'tokenizer.json', (bytes) => {
      const json = JSON.parse(bytes.toString())
      json.model.merges.pop()
      return Buffer.from(JSON.stringify(json))
    })
    expectRefused(await evaluate(folder), 'CHECKPOINT_MISMATCH: ')
  })
})

describe('a question', () => {
  it('without text is refused', async () => {
    expectRefused(await ask(' \t'), 'TEXT_EMPTY: the question has no text')
  })

  it('over the limit is refused, with both counts', async () => {
    const ended = await ask('is there a lesion in the left or in the right half of this image ?')
    const [, tokens, limit, excess] = /the question has (\d+) tokens.* at most (\d+)\nfix: Shorten the question by (\d+) tokens/.exec(ended.err) ?? []
    expectRefused(ended, `TEXT_TOO_LONG: the question has ${tokens} tokens, start and end included; the model was tuned on at most 16`)
    expect([Number(limit), Number(excess)]).toEqual([16, Number(tokens) - 16])
  })

  it('about an image that is missing or truncated is refused', async () => {
    expectRefused(await ask('what is it ?', { of: path('no.png') }), `IMAGE_UNREADABLE: ${path('no.png')}: the file does not exist`)
    await copyFile(image, path('cut.png'))
    const whole = await readFile(image)
    await writeFile(path('cut.png'), whole.subarray(0, whole.length >> 1))
    expectRefused(await ask('what is it ?', { of: path('cut.png') }), `IMAGE_UNREADABLE: ${path('cut.png')}: `)
  })
})

describe.skipIf(process.platform === 'win32')('a full disk', () => {
  it('stops the run with the name of the file, and spares what was written before', async () => {
    await cp(run, path('full'), { recursive: true })
    const { code, err } = await unidiag(['run', config, '--out', path('full')], { blocks: 60 })
    expect(err).toMatch(new RegExp(`^error FILE_UNWRITABLE: cannot write ${path('full')}/(best|last).safetensors: `, 'm'))
    expect(err).toMatch(/^fix: .*make room/m)
    expect(code).toBe(3)
    for (const kind of ['best', 'last'])
      expect((await readFile(path('full', `${kind}.previous.safetensors`))).equals(await readFile(path('run', `${kind}.safetensors`)))).toBe(true)
    expect((await readdir(path('full'))).sort()).toEqual([
      'best.previous.safetensors',
      'config.json',
      'events.jsonl',
      'last.previous.safetensors',
      'tokenizer.json',
    ])
  })
})
