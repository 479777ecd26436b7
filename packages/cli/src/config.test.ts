import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig, prepareConfig } from './config.js'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'unidiag-config-'))
})
afterEach(() => rm(dir, { recursive: true }))

const write = async (name: string, text: string): Promise<string> => {
  const file = join(dir, name)
  await writeFile(file, text)
  return file
}
const names = (config: { plugins: readonly { definition: { name: string } }[] }) => config.plugins.map(({ definition }) => definition.name)
const failing = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable(),
    (error) => error as { code: string; message: string },
  )

describe('loadConfig', () => {
  const expected = { name: expect.any(String), seed: 3, out: join('some', 'where'), plugins: expect.any(Array) }

  it('reads YAML, JSON and TypeScript alike', async () => {
    const yaml = await write('a.yaml', "seed: 3\nout: some/where\nplugins:\n  - clip-vit: { imageSize: 64 }\n  - '@unidiag/tasks/vqa'\n")
    const json = await write('a.json', '{ "seed": 3, "out": "some/where", "plugins": [{ "@unidiag/encoders/clip-vit": { "imageSize": 64 } }, "vqa"] }')
    const ts = await write(
      'a.ts',
      "const size: number = 64\nexport default { seed: 3, out: 'some/where', plugins: [{ 'clip-vit': { imageSize: size } }, 'vqa'] }\n",
    )
    for (const file of [yaml, json, ts]) {
      const config = await loadConfig(file)
      expect(config).toEqual(expected)
      expect(names(config)).toEqual(['@unidiag/encoders/clip-vit', '@unidiag/tasks/vqa'])
      expect(config.plugins[0].options).toEqual({ imageSize: 64 })
      expect(config.name).toBe('a')
    }
  })

  it.each([
    ['a.yaml', 'seed: 3\nplugins: [a\n', /a\.yaml:3:1/],
    ['a.yaml', 'seed: 3\nseed: 4\n', /a\.yaml:2:1.*unique/i],
    ['a.json', '{ "seed": 3,\n  "plugins": nope }', /a\.json:2:15/],
    ['a.json', '{ "seed": 3,\n  "plugins": [],\n}', /a\.json:3:1/],
    ['a.ts', 'export default {', /a\.ts cannot be imported/],
    ['a.toml', '', /ends in \.ts/],
  ])('%s holding %j says where it is wrong', async (name, text, message) => {
    const error = await failing(loadConfig(await write(name, text)))
    expect(error.code).toBe('CONFIG_UNREADABLE')
    expect(error.message).toMatch(message)
  })

  it('names a file that is not there', async () => {
    expect(await failing(loadConfig(join(dir, 'none.yaml')))).toMatchObject({
      code: 'CONFIG_UNREADABLE',
      message: expect.stringContaining(join(dir, 'none.yaml')),
    })
  })

  it('imports a module of one own, relative to the config, and knows it again by its path', async () => {
    await write(
      'my-loss.ts',
      "const definition = { name: 'mine', provides: { name: 'Objective', arity: 'many' } }\nexport const myLoss = Object.assign((options: object) => ({ definition, options }), { definition })\n",
    )
    const config = await loadConfig(await write('a.yaml', 'plugins:\n  - ./my-loss.ts: { weight: 2, file: ./x.txt }\n'))
    expect(names(config)).toEqual([join(dir, 'my-loss.ts')])
    expect(config.plugins[0].options).toEqual({ weight: 2, file: join(dir, 'x.txt') })
    const again = await prepareConfig({ plugins: [{ [config.plugins[0].definition.name]: config.plugins[0].options }] }, '/elsewhere/config.json')
    expect(again.plugins[0].options).toEqual(config.plugins[0].options)
  })

  it('reads ./ and ../ from the folder of the config and other paths from the working directory', async () => {
    const config = await loadConfig(await write('a.yaml', 'out: ./run\nplugins:\n  - vqa-rad: { dir: ../data, name: data }\n'))
    expect(config.out).toBe(join(dir, 'run'))
    expect(config.plugins[0].options).toEqual({ dir: join(dir, '..', 'data'), name: 'data' })
  })

  it('names a run for its folder when the file has the usual name', async () => {
    const config = await loadConfig(await write('unidiag.config.yaml', 'plugins: [vqa]\n'))
    expect(config.name).toBe(dir.split('/').at(-1))
  })
})

describe('variants', () => {
  const config = {
    variant: 'small',
    plugins: ['roberta'],
    variants: { small: [{ 'clip-vit': { imageSize: 64 } }], large: [{ 'clip-vit': { imageSize: 384 } }, 'vqa'] },
  }
  const prepare = (of: object, ...set: string[]) => prepareConfig(of, join(dir, 'method.yaml'), set)

  it('add their plugins and their name', async () => {
    const small = await prepare(config)
    expect(names(small)).toEqual(['@unidiag/encoders/roberta', '@unidiag/encoders/clip-vit'])
    expect(small.name).toBe('method-small')
    const large = await prepare(config, 'clip-vit.imageSize=128', 'variant=large')
    expect(names(large)).toEqual(['@unidiag/encoders/roberta', '@unidiag/encoders/clip-vit', '@unidiag/tasks/vqa'])
    expect(large.plugins[1].options).toEqual({ imageSize: 128 })
    expect([large.name, (await prepare({ ...config, name: 'mine' })).name]).toEqual(['method-large', 'mine'])
  })

  it.each([
    [config, ['variant=smal'], 'there is no "smal"; did you mean small?; there is small, large'],
    [{ ...config, variant: undefined }, [], 'variant: choose one; there is small, large'],
    [{ plugins: ['vqa'] }, ['variant=small'], 'the config has no variants'],
    [{ ...config, variants: { small: 'vqa' } }, [], 'variants.small: expected a list'],
    [{ ...config, variants: [] }, [], 'variants: expected lists of plugins by name'],
    [{ ...config, variants: { small: [{ a: 1, b: 2 }] } }, [], 'variants.small[0]: a, b stand side by side'],
  ])('%j with %j says what is wrong', async (of, set, message) => {
    expect(await failing(prepare(of, ...set))).toMatchObject({ code: 'OPTION_INVALID', message: expect.stringContaining(message) })
  })
})

describe('prepareConfig', () => {
  it('reports every fault of the shape at once, with the nearest name', async () => {
    const error = await failing(prepareConfig({ sed: 3, seed: -1, plugins: [3, { a: {}, b: 1 }, { vqa: 'x' }] }, 'a.yaml'))
    expect(error.code).toBe('OPTION_INVALID')
    expect(error.message).toContain('sed: unknown key; did you mean seed?')
    expect(error.message).toContain('seed: expected a whole number')
    expect(error.message).toContain('plugins[0]: expected the name of a plugin')
    expect(error.message).toContain('plugins[1]: a, b stand side by side')
    expect(error.message).toContain('plugins[2]: the options of vqa are not an object')
  })

  it('reports every plugin that cannot be imported, with the nearest name', async () => {
    const error = await failing(
      prepareConfig({ plugins: ['clip-vitt', '@unidiag/tasks/vqaa', '@unidiag/core/compose', 'not-there/x', './none.ts', 'data:text/javascript,1'] }, 'a.yaml'),
    )
    expect(error.code).toBe('PLUGIN_UNKNOWN')
    expect(error.message).toMatch(/clip-vitt: no such package entry; did you mean clip-vit\?/)
    expect(error.message).toMatch(/@unidiag\/tasks\/vqaa: no such package entry; did you mean @unidiag\/tasks\/vqa\?/)
    expect(error.message).toMatch(/@unidiag\/core\/compose: the module exports 0 plugins/)
    expect(error.message).toMatch(/not-there\/x: no such package entry; is the package installed\?/)
    expect(error.message).toMatch(/none\.ts: /)
    expect(error.message).toMatch(/data:text\/javascript,1: not a package entry or a path/)
  })

  it('accepts what a run has saved', async () => {
    const saved = { name: 'x', seed: 5, out: '/tmp/x', plugins: [{ '@unidiag/tasks/vqa': { loss: 'bce' } }], versions: { node: '20.0.0' } }
    const { plugins, ...rest } = await prepareConfig(saved, '/tmp/x/config.json')
    expect(rest).toEqual({ name: 'x', seed: 5, out: '/tmp/x' })
    expect(plugins[0].options).toEqual({ loss: 'bce' })
  })
})
