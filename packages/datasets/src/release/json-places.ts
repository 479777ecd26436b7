const SPACE = /[ \t\n\r]*/y
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON strings must not hold them unescaped
const SCALAR = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y

export interface JsonPlaces {
  /** Where each element of the outermost list starts. */
  readonly elements: readonly number[]
  /** The first place that is not JSON, and what was expected there. */
  readonly fault?: { readonly at: number; readonly expected: string }
}

/** Finds places in JSON text, which JSON.parse does not tell (or tells differently in each version of Node). */
export function findJsonPlaces(text: string): JsonPlaces {
  const elements: number[] = []
  const open: ('[' | '{')[] = []
  let at = 0
  // What may come next: a value, a key, or what follows a value; `first` when the bracket was just opened and may close again.
  let next: 'value' | 'key' | 'after' = 'value'
  let first = false
  const skip = (pattern: RegExp): number => {
    pattern.lastIndex = at
    return pattern.exec(text)?.[0].length ?? 0
  }
  const fault = (expected: string): JsonPlaces => ({ elements, fault: { at, expected } })
  for (;;) {
    at += skip(SPACE)
    const inside = open.at(-1)
    const char = text[at]
    if (next === 'after') {
      if (inside === undefined) return at === text.length ? { elements } : fault('the end of the file')
      const close = inside === '[' ? ']' : '}'
      if (char === ',') next = inside === '[' ? 'value' : 'key'
      else if (char === close) open.pop()
      else return fault(`"," or "${close}"`)
      at++
      first = false
    } else if (first && char === (inside === '[' ? ']' : '}')) {
      open.pop()
      at++
      next = 'after'
      first = false
    } else if (next === 'key') {
      const length = char === '"' ? skip(SCALAR) : 0
      if (length === 0) return fault('a key in double quotes')
      at += length
      at += skip(SPACE)
      if (text[at] !== ':') return fault('":"')
      at++
      next = 'value'
      first = false
    } else {
      if (open.length === 1 && inside === '[') elements.push(at)
      if (char === '[' || char === '{') {
        open.push(char)
        at++
        next = char === '[' ? 'value' : 'key'
        first = true
      } else {
        const length = skip(SCALAR)
        if (length === 0) return fault('a value')
        at += length
        next = 'after'
        first = false
      }
    }
  }
}

/** `line:column` of an offset, both from 1. */
export function lineAndColumn(text: string, offset: number): string {
  const before = text.slice(0, offset)
  return `${before.split('\n').length}:${offset - before.lastIndexOf('\n')}`
}
