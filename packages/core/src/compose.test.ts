import { scalar } from '@tensorflow/tfjs-core'
import { useBackend } from '@unidiag/testing/backends'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { Backend } from './backend/backend.js'
import { type ComposeOptions, compose } from './compose.js'
import { ParameterStore, zeros } from './nn/parameter.js'
import type { Pipeline } from './pipeline.js'
import { type AnyPlugin, definePlugin } from './plugin.js'
import { RandomSource } from './random.js'
import { all, type Needs, optional, type Token, token } from './token.js'

useBackend()
const open: Pipeline[] = []
afterEach(async () => {
  for (const pipeline of open.splice(0)) await pipeline.close()
})
async function composed(o: ComposeOptions): Promise<Pipeline> {
  const pipeline = await compose(o)
  open.push(pipeline)
  return pipeline
}

const A = token<{ name: string }>('A')
const B = token<{ name: string }>('B')
const C = token<{ name: string }>('C')
const Many = token<{ name: string; of?: readonly string[] }>('Many', { arity: 'many' })

/** A plugin that notes when it is set up and torn down. */
function plugin<T extends { name: string }>(
  name: string,
  provides: Token<T>,
  { needs = {}, log = [], fail = false, slow = 0, value }: { needs?: Needs; log?: string[]; fail?: boolean; slow?: number; value?: string } = {},
): AnyPlugin {
  return definePlugin({
    name,
    provides,
    needs,
    options: z.strictObject({}),
    async setup({ needs: given }) {
      if (slow) await new Promise((resolve) => setTimeout(resolve, slow))
      if (fail) throw new Error(`${name} failed`)
      log.push(`+${name}`)
      return { name: value ?? name, needs: given } as unknown as T
    },
    async teardown() {
      await Promise.resolve()
      log.push(`-${name}`)
    },
  })()
}

describe('compose, set-up', () => {
  it('sets up what is needed first and tears down in reverse, waiting for both', async () => {
    const log: string[] = []
    const pipeline = await compose({
      plugins: [plugin('a', A, { needs: { b: B, c: C }, log }), plugin('b', B, { needs: { c: C }, log, slow: 5 }), plugin('c', C, { log, slow: 10 })],
    })
    expect(log).toEqual(['+c', '+b', '+a'])
    expect(pipeline.get(A)).toMatchObject({ name: 'a', needs: { b: { name: 'b' }, c: { name: 'c' } } })
    await pipeline.close()
    expect(log).toEqual(['+c', '+b', '+a', '-a', '-b', '-c'])
    await pipeline.close()
    expect(log).toHaveLength(6)
  })

  it('gives all(token) in order of composition, whatever the order of set-up', async () => {
    const late = plugin('m1', Many, { needs: { a: A } })
    const pipeline = await composed({ plugins: [plugin('b', B, { needs: { many: all(Many) } }), late, plugin('m2', Many), plugin('a', A)] })
    expect(pipeline.getAll(Many).map((m) => m.name)).toEqual(['m1', 'm2'])
    expect(pipeline.get(B)).toMatchObject({ needs: { many: [{ name: 'm1' }, { name: 'm2' }] } })
  })

  it('sets up plugins that nobody needs', async () => {
    const log: string[] = []
    await composed({ plugins: [plugin('m', Many, { log })] })
    expect(log).toEqual(['+m'])
  })

  it('gives undefined for an optional need that nobody provides, and an empty list for all', async () => {
    const pipeline = await composed({ plugins: [plugin('a', A, { needs: { b: optional(B), many: all(Many) } })] })
    expect(pipeline.get(A)).toMatchObject({ needs: { b: undefined, many: [] } })
    const both = await composed({ plugins: [plugin('a', A, { needs: { b: optional(B) } }), plugin('b', B)] })
    expect(both.get(A)).toMatchObject({ needs: { b: { name: 'b' } } })
  })

  it('fills in fallbacks, and their fallbacks, unless something else provides the token', async () => {
    const Inner: Token<{ name: string }> = token('Inner', { fallback: () => plugin('inner-fallback', Inner) })
    const Outer: Token<{ name: string }> = token('Outer', { fallback: () => plugin('outer-fallback', Outer, { needs: { inner: Inner } }) })
    const user = () => plugin('a', A, { needs: { outer: Outer } })
    const pipeline = await composed({ plugins: [user()] })
    expect(pipeline.get(Outer)).toMatchObject({ name: 'outer-fallback', needs: { inner: { name: 'inner-fallback' } } })
    const chosen = await composed({ plugins: [user(), plugin('mine', Outer)] })
    expect(chosen.get(Outer).name).toBe('mine')
    expect(chosen.getAll(Inner)).toEqual([])
  })

  it('starts a backend before everything else', async () => {
    const early = definePlugin({ name: 'early', provides: A, options: z.strictObject({}), setup: () => ({ name: scalar(1).dataSync().join() }) })
    const pipeline = await composed({ plugins: [early()] })
    expect(pipeline.get(A).name).toBe('1')
    expect(pipeline.get(Backend).reason).not.toBe('')
  })

  it('gives each pipeline its own values, seeded', async () => {
    const [first, second] = [await composed({ plugins: [], seed: 4 }), await composed({ plugins: [] })]
    expect(first.get(RandomSource).seed).toBe(4)
    expect(second.get(RandomSource).seed).toBe(0)
    expect(first.get(ParameterStore)).not.toBe(second.get(ParameterStore))
    first.get(ParameterStore).create('w', [2], zeros)
    expect(second.get(ParameterStore).has('w')).toBe(false)
  })

  it('tears down what was set up when a set-up fails', async () => {
    const log: string[] = []
    const failing = compose({
      plugins: [plugin('c', C, { log }), plugin('b', B, { needs: { c: C }, log }), plugin('a', A, { needs: { b: B }, log, fail: true })],
    })
    await expect(failing).rejects.toThrow('a failed')
    expect(log).toEqual(['+c', '+b', '-b', '-c'])
  })

  it('tears the others down when one teardown fails, and says so', async () => {
    const log: string[] = []
    const bad = definePlugin({
      name: 'bad',
      provides: B,
      options: z.strictObject({}),
      setup: () => ({ name: 'bad' }),
      teardown: () => {
        throw new Error('stuck')
      },
    })
    const pipeline = await compose({ plugins: [plugin('a', A, { log }), bad(), plugin('c', C, { log })] })
    await expect(pipeline.close()).rejects.toThrow('stuck')
    expect(log).toEqual(['+a', '+c', '-c', '-a'])
  })
})

describe('compose, faults', () => {
  it('names what is missing, by whom and as what, all of it', async () => {
    const failing = compose({ plugins: [plugin('@me/a', A, { needs: { other: B } }), plugin('@me/m', Many, { needs: { c: C } })] })
    await expect(failing).rejects.toMatchObject({
      code: 'PLUGIN_MISSING',
      message: '@me/a needs B (as "other"), but no plugin provides it\n@me/m needs C (as "c"), but no plugin provides it',
      fix: expect.stringMatching(/a plugin that provides B, a plugin that provides C/),
    })
  })

  it('tells when the missing token has a twin from a second copy of a package', async () => {
    const twin = token<{ name: string }>('B')
    const failing = compose({ plugins: [plugin('a', A, { needs: { b: B } }), plugin('b', twin)] })
    await expect(failing).rejects.toMatchObject({ code: 'PLUGIN_MISSING', fix: expect.stringMatching(/two copies/) })
  })

  it('refuses two providers of a token that holds one value, and of core tokens', async () => {
    await expect(compose({ plugins: [plugin('x', A), plugin('y', A)] })).rejects.toMatchObject({
      code: 'PLUGIN_DUPLICATE',
      message: expect.stringMatching(/x and y both provide A/),
    })
    const random = definePlugin({ name: 'mine', provides: RandomSource, options: z.strictObject({}), setup: () => null as never })
    await expect(compose({ plugins: [random()] })).rejects.toMatchObject({ code: 'PLUGIN_DUPLICATE' })
  })

  it('refuses two values of the same name under a many token, and tears down', async () => {
    const log: string[] = []
    const failing = compose({ plugins: [plugin('x', Many, { value: 'same', log }), plugin('y', Many, { value: 'same', log })] })
    await expect(failing).rejects.toMatchObject({ code: 'PLUGIN_DUPLICATE', message: 'x and y both provide a Many called "same"' })
    expect(log).toEqual(['+x', '+y', '-y', '-x'])
  })

  it('shows a circle', async () => {
    const failing = compose({ plugins: [plugin('a', A, { needs: { b: B } }), plugin('b', B, { needs: { c: C } }), plugin('c', C, { needs: { a: A } })] })
    await expect(failing).rejects.toMatchObject({ code: 'PLUGIN_CYCLE', message: expect.stringMatching(/a -> b -> c -> a/) })
  })
})

const encoder = definePlugin({
  name: '@me/encoder',
  provides: A,
  options: z.strictObject({
    imageSize: z.int().multipleOf(16).default(384),
    width: z.int().positive(),
    pooling: z.enum(['first', 'mean']).default('first'),
    optimizer: z
      .strictObject({ learningRate: z.number().positive().default(1e-5), betas: z.tuple([z.number(), z.number()]).default([0.9, 0.98]) })
      .prefault({}),
    layers: z.array(z.strictObject({ heads: z.int() })).optional(),
  }),
  setup: ({ options }) => ({ name: 'encoder', options }),
})
const fault = async (options: Record<string, unknown>): Promise<string> => {
  const error = await compose({ plugins: [encoder({ width: 4, ...options } as never)] }).catch((e) => e)
  expect(error).toMatchObject({ code: 'OPTION_INVALID' })
  return error.message
}

describe('compose, options', () => {
  it('reports every fault of every plugin at once, before anything is set up', async () => {
    const log: string[] = []
    const failing = compose({
      plugins: [
        encoder({ width: 'wide', imageSize: 314 } as never),
        plugin('c', C, { log }),
        { ...plugin('@me/b', B, { log }), options: { seed: 1 } },
        encoder({ pooling: 'maen', optimizer: { lerningRate: 1 } } as never),
      ],
    })
    const { code, message } = await failing.catch((e) => e)
    expect(code).toBe('OPTION_INVALID')
    expect(message.split('\n  ').slice(1)).toEqual([
      '@me/encoder: imageSize: expected a multiple of 16, given 314; the nearest are 304 and 320',
      '@me/encoder: width: expected number, given "wide"',
      '@me/b: unknown option seed; there are none',
      '@me/encoder: width: expected number, it is missing',
      '@me/encoder: pooling: expected "first" or "mean", given "maen"; did you mean "mean"?',
      '@me/encoder: unknown option optimizer.lerningRate, did you mean optimizer.learningRate?',
    ])
    expect(log).toEqual([])
  })

  it.each([
    [{ imagesize: 32 }, 'unknown option imagesize, did you mean imageSize?'],
    [{ colour: 1 }, 'unknown option colour; known are imageSize, width, pooling, optimizer, layers'],
    [{ layers: [{ heads: 2 }, { haeds: 2, heads: 1 }] }, 'unknown option layers[1].haeds, did you mean layers[1].heads?'],
    [{ optimizer: { betas: [0.9, 'x'] } }, 'optimizer.betas[1]: expected number, given "x"'],
    [{ optimizer: { learningRate: -1 } }, 'optimizer.learningRate: expected number to be >0, given -1'],
    [{ optimizer: 3 }, 'optimizer: expected object, given 3'],
  ])('%j: %s', async (options, expected) => {
    expect(await fault(options)).toContain(`@me/encoder: ${expected}`)
  })

  it('reports options that are no object', async () => {
    const error = await compose({ plugins: [encoder(7 as never)] }).catch((e) => e)
    expect(error.message).toContain('@me/encoder: the options: expected object, given 7')
  })
})

describe('the resolved config', () => {
  it('holds every option with defaults, the seed and versions, and composes the same again', async () => {
    const { config } = await composed({ plugins: [encoder({ width: 8 })], seed: 3, out: 'runs/x', name: 'x' })
    expect(config).toEqual({
      name: 'x',
      seed: 3,
      out: 'runs/x',
      plugins: [
        { '@me/encoder': { imageSize: 384, width: 8, pooling: 'first', optimizer: { learningRate: 1e-5, betas: [0.9, 0.98] } } },
        { '@unidiag/core/backend/backend': { name: 'auto', precision: 'f32' } },
      ],
      versions: { node: process.versions.node, '@unidiag/core': '0.1.0', '@tensorflow/tfjs-core': '4.22.0' },
    })
    const again = await composed({ plugins: [encoder(config.plugins[0]['@me/encoder'] as never)], seed: 3, out: 'runs/x', name: 'x' })
    expect(again.config).toEqual(config)
  })

  it('cannot be changed', async () => {
    const options = { width: 8 }
    const plugins = [encoder(options)]
    const pipeline = await composed({ plugins })
    options.width = 9
    plugins.push(plugin('b', B) as never)
    expect(pipeline.config.plugins[0]).toMatchObject({ '@me/encoder': { width: 8 } })
    expect(pipeline.getAll(B)).toEqual([])
    expect(() => Object.assign(pipeline.config, { seed: 9 })).toThrow(TypeError)
  })
})

describe('get', () => {
  it('says what is not there, and what is there more than once', async () => {
    const pipeline = await composed({ plugins: [plugin('m1', Many), plugin('m2', Many)] })
    expect(() => pipeline.get(A)).toThrow(expect.objectContaining({ code: 'PLUGIN_MISSING' }))
    expect(() => pipeline.get(Many)).toThrow(expect.objectContaining({ code: 'PLUGIN_DUPLICATE' }))
    await pipeline.close()
    expect(() => pipeline.get(Backend)).toThrow(expect.objectContaining({ code: 'PIPELINE_FROZEN' }))
  })
})
