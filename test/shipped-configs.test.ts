import { cp, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describeShared } from '@unidiag/testing/shared'
import { beforeAll, expect, it } from 'vitest'
import { jpeg } from '../packages/datasets/src/release/make-release.fixture.js'
import { unidiag } from './command.js'
import { eventsOf, scratch, told } from './run-folder.js'

const root = scratch()

async function write(file: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(root(file)), { recursive: true })
  await writeFile(root(file), content)
}

const lines = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('')

/** MedICaT as it is downloaded, with eight figures outside of validation and test, and the references of ROCO. */
async function writeMedicat(): Promise<void> {
  const figures = Array.from({ length: 2008 }, (_, i) => ({
    pdf_hash: 'ab',
    fig_uri: `${i}.png`,
    s2_caption: `a chest radiograph ${i}`,
    s2orc_references: null,
    radiology: true,
  }))
  await write('data/medicat/release/s2_full_figures_oa_nonroco_combined_medical_top4_public.jsonl', lines(figures))
  const image = await jpeg(1)
  for (const { fig_uri } of figures) await write(`data/medicat/release/figures/ab_${fig_uri}`, image)
  for (const [i, split] of ['train', 'val', 'test'].entries())
    await write(
      `data/medicat/net/nfs2.corp/allennlp/sanjays/roco_files/roco_${split}_references.jsonl`,
      lines([{ roco_image_id: `PMC${i}_g${i}.jpg`, gorc_references: ['it is shown in the figure'] }]),
    )
}

async function writeRoco(): Promise<void> {
  for (const [i, split] of ['train', 'validation', 'test'].entries()) {
    const below = `data/roco/${split}/radiology`
    const ids = [i, i + 10, i + 20, i + 30].map((n) => ({ n, id: `ROCO_${String(n).padStart(5, '0')}` }))
    await write(`${below}/captions.txt`, ids.map(({ n, id }) => `${id}\tan abdominal computed tomography ${n}\n`).join(''))
    await write(`${below}/dlinks.txt`, ids.map(({ n, id }) => `${id}\twget -r ftp://host/pub/PMC${n}.tar.gz -O x\tg${n}.jpg\n`).join(''))
    for (const { n, id } of ids) await write(`${below}/images/${id}.jpg`, await jpeg(n))
  }
}

const set = (options: Readonly<Record<string, string | number>>): string[] => Object.entries(options).flatMap(([path, value]) => ['--set', `${path}=${value}`])

// The sizes of the tiny image tower, and as little as there can be of the rest.
const encoders = {
  'clip-vit.imageSize': 16,
  'clip-vit.patchSize': 4,
  'clip-vit.width': 32,
  'clip-vit.heads': 4,
  'clip-vit.blocks': 2,
  'roberta.width': 8,
  'roberta.layers': 1,
  'roberta.heads': 2,
  'roberta.ffn': 8,
  'co-attention.width': 32,
  'co-attention.layers': 3,
  'co-attention.heads': 2,
}
const decoder = { 'mim-decoder.width': 8, 'mim-decoder.layers': 1, 'mim-decoder.heads': 2 }
const weights = { 'init.files': '[{ file: weights/clip-vit-base-patch16/model.safetensors }]' }
const pretraining = { ...encoders, ...weights, 'mr-pretrain.steps': 1, 'mr-pretrain.optimizer.accumulate': 1 }

describeShared('a config that comes with the command', (shared) => {
  beforeAll(async () => {
    await Promise.all([writeMedicat(), writeRoco()])
    await cp(join(shared, 'data/tokenizers/roberta-base/tokenizer.json'), root('weights/roberta-base/tokenizer.json'))
    await cp(join(shared, 'parity/hf_clip_vision/model.safetensors'), root('weights/clip-vit-base-patch16/model.safetensors'))
  })

  it('pre-trains and tunes from what it left, at a small size, with data where its paths say', async () => {
    const first = await unidiag(['run', 'umd-paper', ...set({ ...pretraining, ...decoder })], { cwd: root() })
    expect(first, first.err).toMatchObject({ code: 0 })
    const before = await eventsOf(root('runs/umd-paper-pretrain'))
    // Eight figures of MedICaT, four captions and a reference of ROCO.
    expect(told(before, 'stage-start')).toMatchObject([{ stage: 'mr-pretrain', samples: 8 + 4 + 1, steps: 1, batchSize: 8 }])

    const tuning = {
      ...encoders,
      ...decoder,
      'vqa-rad.dir': join(shared, 'data/mini/vqa-rad'),
      'td-calib.steps': 1,
      'fine-tune.steps': 1,
      'td-calib.optimizer.accumulate': 1,
      'fine-tune.optimizer.accumulate': 1,
    }
    const second = await unidiag(['run', 'umd-paper', ...set({ variant: 'vqa-rad', ...tuning })], { cwd: root() })
    expect(second, second.err).toMatchObject({ code: 0 })
    const after = await eventsOf(root('runs/umd-paper-vqa-rad'))
    expect(
      told(after, 'note')
        .map(({ message }) => message)
        .join('\n'),
    ).toMatch(/keep their random values: \d+ x vqa_head$/m)
    expect(told(after, 'stage-end').map(({ stage }) => stage)).toEqual(['td-calib', 'fine-tune'])
    expect(told(after, 'score').at(-1)?.score.protocol).toMatchObject({ task: 'vqa', dataset: 'vqa-rad', split: 'test' })
  })

  it.each([
    ['umd-code', ['mim', 'mlm', 'feaMim', 'feaMlm', 'itm'], decoder],
    ['m3ae-288', ['mlm', 'mim', 'itm'], decoder],
    ['mae', ['mim'], decoder],
    ['clip', ['itc'], {}],
    ['flip', ['itc'], { 'unmasked-tail.steps': 1, 'unmasked-tail.optimizer.accumulate': 1 }],
  ])('%s pre-trains with %j', async (name, objectives, more) => {
    const ended = await unidiag(['run', name, ...set({ ...pretraining, ...more })], { cwd: root() })
    expect(ended, ended.err).toMatchObject({ code: 0 })
    for (const { losses } of told(await eventsOf(root(`runs/${name}-pretrain`)), 'step'))
      expect(Object.keys(losses).sort()).toEqual([...objectives, 'total'].sort())
  })

  it('tells what it takes with nothing there, and not what there is none of', async () => {
    const { code, out } = await unidiag(['run', 'umd-code', '--dry', '--json'], { cwd: root('data') })
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ name: 'umd-code-pretrain', stages: [{ stage: 'mr-pretrain', trained: 366_373_211 }], notes: [{}, {}, {}] })
    const wrong = await unidiag(['run', 'umd-cod', '--dry'])
    expect(wrong).toMatchObject({ code: 2, err: expect.stringMatching(/^error CONFIG_UNREADABLE: umd-cod: [\s\S]*fix: Did you mean umd-code\?/) })
    const option = await unidiag(['run', 'umd-code', '--dry', '--set', 'ema-teacher.decay=2'])
    expect(option).toMatchObject({ code: 2, err: expect.stringContaining('ema-teacher: decay:') })
  })
})
