import { z } from 'zod'
import type { AnyPlugin } from './plugin.js'
import { suggest } from './suggest.js'

type Schema = z.core.$ZodType

/** Checks the options of a plugin. @returns the options with defaults filled in, and one line a fault */
export function checkOptions({ definition, options }: AnyPlugin): { options: unknown; faults: string[] } {
  const result = definition.options.safeParse(options, { reportInput: true })
  if (result.success) return { options: result.data, faults: [] }
  return {
    options: undefined,
    faults: result.error.issues.flatMap((issue) => describe(issue, definition.options)).map((line) => `${definition.name}: ${line}`),
  }
}

function describe(issue: z.core.$ZodIssue, schema: Schema): string[] {
  const at = pathOf(issue.path)
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(shapeAt(schema, issue.path) ?? {})
    return issue.keys.map((key) => {
      const name = pathOf([...issue.path, key])
      const near = suggest(key, known)
      return `unknown option ${name}${near ? `, did you mean ${pathOf([...issue.path, near])}?` : known.length > 0 ? `; known are ${known.join(', ')}` : '; there are none'}`
    })
  }
  const given = issue.input === undefined ? 'it is missing' : `given ${shown(issue.input)}`
  if (issue.code === 'invalid_value') {
    const near = typeof issue.input === 'string' ? suggest(issue.input, issue.values.map(String)) : undefined
    return [
      `${at}: expected ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}, ${given}${near ? `; did you mean ${JSON.stringify(near)}?` : ''}`,
    ]
  }
  if (issue.code === 'not_multiple_of' && typeof issue.input === 'number') {
    const below = Math.floor(issue.input / issue.divisor) * issue.divisor
    return [`${at}: expected a multiple of ${issue.divisor}, ${given}; the nearest are ${below} and ${below + issue.divisor}`]
  }
  const message = issue.code === 'custom' ? issue.message : issue.message.replace(/^[\w ]+: /, '').replace(/, received .*$/, '')
  return [`${at}: ${message}, ${given}`]
}

const shown = (value: unknown): string => {
  const text = JSON.stringify(value) ?? typeof value
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

/** `optimizer.betas[1]` */
const pathOf = (path: readonly PropertyKey[]): string =>
  path.map((key, i) => (typeof key === 'number' ? `[${key}]` : i === 0 ? String(key) : `.${String(key)}`)).join('') || 'the options'

/** Keys of the object schema at a path, looking through defaults and optionals. */
function shapeAt(schema: Schema, path: readonly PropertyKey[]): Record<string, Schema> | undefined {
  let current: Schema | undefined = unwrapped(schema)
  for (const key of path) {
    if (current instanceof z.ZodObject) current = current.shape[key as string]
    else if (current instanceof z.ZodArray) current = current.element
    else if (current instanceof z.ZodRecord) current = current.valueType
    else return undefined
    if (!current) return undefined
    current = unwrapped(current)
  }
  return current instanceof z.ZodObject ? current.shape : undefined
}

function unwrapped(schema: Schema): Schema {
  let current = schema
  while ('innerType' in current._zod.def) current = current._zod.def.innerType as Schema
  return current
}
