import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseCsv } from './parse-csv.js'

const quote = (cell: string): string => `"${cell.replaceAll('"', '""')}"`

describe('parseCsv', () => {
  it.each([',', '\t'] as const)('gives back every table that is written with quotes (%j)', (separator) => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', '\r', '\t', ' ', 'é') }), { minLength: 2, maxLength: 4 })),
        fc.constantFrom('\n', '\r\n'),
        (table, end) => {
          const text = table.map((row) => row.map(quote).join(separator) + end).join('')
          expect(parseCsv(text, separator).rows.map(({ cells }) => cells)).toEqual(table)
        },
      ),
    )
  })

  it('tells the line of a row after cells of several lines', () => {
    expect(parseCsv('a,b\n"1\n2",3\r\n\n4,\n')).toEqual({
      rows: [
        { line: 1, cells: ['a', 'b'] },
        { line: 2, cells: ['1\n2', '3'] },
        { line: 5, cells: ['4', ''] },
      ],
    })
  })

  it('tells where a quote does not end, and text behind one', () => {
    expect(parseCsv('a,b\n1,"2\n3').fault).toEqual({ line: 2, reason: 'a quoted cell does not end' })
    expect(parseCsv('a\n"1"x\n').fault).toEqual({ line: 2, reason: 'text after the closing quote of a cell' })
  })
})
