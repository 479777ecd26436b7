import { describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { type AnyPlugin, definePlugin, type Plugin } from './plugin.js'
import { all, optional, token } from './token.js'

interface Scorer {
  score(): number
}
const Scorer = token<Scorer>('Scorer')
const Words = token<string>('Words', { arity: 'many' })

const counting = definePlugin({
  name: '@me/plugins/counting',
  provides: Scorer,
  needs: { words: all(Words), other: optional(Words), one: Words },
  options: z.strictObject({ scale: z.number().default(1), label: z.string() }),
  setup({ needs, options }) {
    expectTypeOf(needs).toEqualTypeOf<{ readonly words: readonly string[]; readonly other: string | undefined; readonly one: string }>()
    expectTypeOf(options).toEqualTypeOf<{ scale: number; label: string }>()
    return { score: () => needs.words.length * options.scale }
  },
})
const defaulted = definePlugin({
  name: '@me/plain',
  provides: Scorer,
  options: z.strictObject({ scale: z.number().default(1) }),
  setup: async () => ({ score: () => 0 }),
})

describe('definePlugin', () => {
  it('makes frozen data that knows its definition', () => {
    const plugin = counting({ label: 'a' })
    expect(plugin.definition).toBe(counting.definition)
    expect(plugin.options).toEqual({ label: 'a' })
    expect(() => Object.assign(plugin, { options: {} })).toThrow(TypeError)
    expect(defaulted().options).toEqual({})
  })

  it('hands the options over unchecked: compose checks those of all plugins together', () => {
    expect(counting({ label: 3 } as never).options).toEqual({ label: 3 })
  })
})

// The calls below are read by the compiler only (npm run check).
describe('types of plugins', () => {
  it('know their options and values', () => {
    expectTypeOf(counting).parameter(0).toEqualTypeOf<{ scale?: number | undefined; label: string }>()
    expectTypeOf(counting({ label: 'a' })).toEqualTypeOf<Plugin<Scorer>>()
    expectTypeOf(defaulted()).toExtend<AnyPlugin>()
  })

  it('refuse missing, unknown and wrong options', () => {
    const never = () => {
      // @ts-expect-error: label is missing
      counting()
      // @ts-expect-error: label is missing
      counting({ scale: 2 })
      // @ts-expect-error: unknown option
      counting({ label: 'a', lable: 'b' })
      // @ts-expect-error: wrong type
      counting({ label: 'a', scale: '2' })
    }
    expect(never).toBeTypeOf('function')
  })

  it('refuse a value that is not what the token promises', () => {
    const never = () => {
      const options = z.strictObject({})
      // @ts-expect-error: a string is no Scorer
      definePlugin({ name: 'x', provides: Scorer, options, setup: () => 'seven' })
      // @ts-expect-error: score gives a number
      definePlugin({ name: 'x', provides: Scorer, options, setup: () => ({ score: () => 'seven' }) })
      // @ts-expect-error: nothing called words is asked for
      definePlugin({ name: 'x', provides: Scorer, options, setup: ({ needs }) => ({ score: () => needs.words.length }) })
    }
    expect(never).toBeTypeOf('function')
  })
})
