import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findJsonPlaces, lineAndColumn } from './json-places.js'

describe('findJsonPlaces', () => {
  it('accepts what JSON.stringify writes, and finds the rows', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue(), { maxLength: 6 }), fc.constantFrom(0, 2), (rows, indent) => {
        const text = JSON.stringify(rows, null, indent)
        const { elements, fault } = findJsonPlaces(text)
        expect(fault).toBeUndefined()
        expect(elements).toHaveLength(rows.length)
        for (const [i, at] of elements.entries()) expect(text.slice(at).startsWith(JSON.stringify(rows[i], null, indent).slice(0, 1))).toBe(true)
      }),
    )
  })

  it('finds a fault exactly where JSON.parse finds one', () => {
    const valid = '[{"a": 1, "b": ["x\\n", null, -1.5e3]}, {}, true]'
    fc.assert(
      fc.property(fc.nat(valid.length - 1), fc.constantFrom('', ',', '"', '}', '\u0001', 'x', '0'), (at, insert) => {
        const text = valid.slice(0, at) + insert + valid.slice(at + 1)
        let parses = true
        try {
          JSON.parse(text)
        } catch {
          parses = false
        }
        expect(findJsonPlaces(text).fault === undefined).toBe(parses)
      }),
      { numRuns: 500 },
    )
  })

  it.each([
    ['[{"a": 1},\n {"b" 2}]', '2:7', '":"'],
    ['[1, 2', '1:6', '"," or "]"'],
    ['[1, 2,]', '1:7', 'a value'],
    ['[{"a": 1,}]', '1:10', 'a key in double quotes'],
    ['[1]\n[2]', '2:1', 'the end of the file'],
    ["[{'a': 1}]", '1:3', 'a key in double quotes'],
    ['[NaN]', '1:2', 'a value'],
  ])('%j: %s', (text, place, expected) => {
    const { fault } = findJsonPlaces(text)
    expect([lineAndColumn(text, fault!.at), fault!.expected]).toEqual([place, expected])
  })
})
