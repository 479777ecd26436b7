import { readFile, writeFile } from 'node:fs/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { unidiag } from '../command.js'
import { scratch } from '../run-folder.js'
import { wholeMethod, without } from '../whole-method.js'

const path = scratch()
let yaml: string
beforeAll(async () => {
  yaml = await readFile(wholeMethod, 'utf8')
})

/** What a run says that ends before it begins. */
async function refusal(config: string, ...args: string[]): Promise<string> {
  const { code, out, err } = await unidiag(['run', config, '--out', path('never'), ...args])
  expect(code, err).toBe(2)
  expect(out).toBe('')
  expect(err).toMatch(/^error [A-Z_]+: [\s\S]*^fix: .+$/m)
  return err
}

async function save(name: string, text: string): Promise<string> {
  await writeFile(path(name), text)
  return path(name)
}

const set = (...changes: string[]): string[] => changes.flatMap((change) => ['--set', change])

describe('a config that cannot be read', () => {
  it('is named when it is not there', async () => {
    expect(await refusal(path('no.yaml'))).toMatch(`error CONFIG_UNREADABLE: cannot read the config ${path('no.yaml')}: `)
  })

  it.each([
    ['broken.json', '{\n  "seed": 1,\n  "plugins" []\n}', '3:13'],
    ['broken.yaml', 'seed: 1\nplugins:\n  - mim: { weight: 1\n  - mlm\n', '4:3'],
  ])('names the place in %s', async (name, text, place) => {
    const file = await save(name, text)
    expect(await refusal(file)).toContain(`error CONFIG_UNREADABLE: ${file}:${place}: `)
  })
})

describe('unknown names', () => {
  it('of keys get a suggestion, all together', async () => {
    const file = await save('keys.yaml', yaml.replace('seed: 5', 'sede: 5\nplugin: []\nseed: five'))
    const message = await refusal(file)
    expect(message).toContain('error OPTION_INVALID: ')
    expect(message).toContain('sede: unknown key; did you mean seed?')
    expect(message).toContain('plugin: unknown key; did you mean plugins?')
    expect(message).toContain('seed: expected a whole number from 0, not "five"')
  })

  it('of plugins get a suggestion, all together', async () => {
    const file = await save('plugins.yaml', yaml.replace('- clip-vit', '- clip-vitt').replace('- roberta', '- "@unidiag/encoders/robberta"'))
    const message = await refusal(file)
    expect(message).toContain('error PLUGIN_UNKNOWN: ')
    expect(message).toMatch(/clip-vitt: .*did you mean clip-vit\?/)
    expect(message).toMatch(/robberta: .*did you mean @unidiag\/encoders\/roberta\?/)
  })

  it('of options get a suggestion, all together and with wrong values', async () => {
    const message = await refusal(
      wholeMethod,
      ...set('clip-vit.imageSise=16', 'fine-tune.optimizer.learningrate=1', 'fea-mim.mode=visble', 'ema-teacher.decay=2', 'mr-pretrain.batchSize=0'),
    )
    expect(message).toContain('error OPTION_INVALID: 5 options are wrong')
    for (const line of [
      '@unidiag/encoders/clip-vit: unknown option imageSise, did you mean imageSize?',
      '@unidiag/tuning/fine-tune: unknown option optimizer.learningrate, did you mean optimizer.learningRate?',
      '@unidiag/pretrain/fea-mim: mode: expected "visible" or "decoder" or "code", given "visble"; did you mean "visible"?',
      '@unidiag/pretrain/ema-teacher: decay: ',
      '@unidiag/pretrain/mr-pretrain: batchSize: ',
    ])
      expect(message).toContain(line)
  })

  it('of settings get a suggestion, all together', async () => {
    const message = await refusal(wholeMethod, ...set('clip-vitt.width=3', 'sead=1', 'seed=-1'))
    expect(message).toContain('clip-vitt.width=3: the config has no plugin called clip-vitt; did you mean clip-vit?')
    expect(message).toContain('sead=1: the config has no plugin called sead; did you mean seed?')
    expect(message).toContain('seed=-1: a seed is a whole number from 0')
  })

  it('of options of the command get a suggestion', async () => {
    const { code, err } = await unidiag(['run', wholeMethod, '--resum'])
    expect(code).toBe(2)
    expect(err).toContain("unknown option '--resum'")
    expect(err).toContain('Did you mean --resume?')
  })

  it('of data sets list what there is', async () => {
    const message = await refusal(wholeMethod, ...set('fine-tune.dataset=question'))
    expect(message).toContain('error OPTION_INVALID: fine-tune: there is no data set "question"; the pipeline has: captions, questions')
  })
})

describe('a model whose parts do not fit', () => {
  it('names both sides when the fusion insists on another width than the encoder gives', async () => {
    const message = await refusal(wholeMethod, ...set('co-attention.imageWidth=32'))
    expect(message).toContain(
      'error TENSOR_SHAPE: @unidiag/encoders/co-attention expects tokens of width 32 (`imageWidth`), but @unidiag/encoders/clip-vit gives tokens of width 8',
    )
    expect(message).toContain("fix: Set co-attention.imageWidth to 8 or leave it out, or set the encoder's `width` to 32.")
  })

  it('names the nearest sizes to an image of 314 pixels', async () => {
    const message = await refusal(wholeMethod, ...set('clip-vit.imageSize=314', 'clip-vit.patchSize=16'))
    expect(message).toContain('error IMAGE_SIZE: @unidiag/encoders/clip-vit: an image of 314 pixels cannot be cut into patches of 16; use 304 or 320')
  })

  it('says which part is missing', async () => {
    const file = await save('missing.yaml', await without('co-attention', 'images'))
    const message = await refusal(file)
    expect(message).toContain('error PLUGIN_MISSING: ')
    expect(message).toContain('needs Fusion (as "fusion"), but no plugin provides it')
    expect(message).toContain('needs ImageLoader (as "images"), but no plugin provides it')
  })
})

describe('a folder that cannot be written', () => {
  it('is named, with what stands in the way', async () => {
    const file = await save('a-file', '')
    const { code, err } = await unidiag(['run', wholeMethod, '--out', path('a-file', 'run')])
    expect(err).toContain(`error FILE_UNWRITABLE: cannot write ${path('a-file', 'run')}`)
    expect(err).toMatch(/^fix: .*--out/m)
    expect(err).not.toContain('not an error that UniDiag expects')
    expect(code).toBe(3)
    expect(await readFile(file, 'utf8')).toBe('')
  })
})
