export interface CsvRow {
  /** Line of the first cell, from 1. */
  readonly line: number
  readonly cells: readonly string[]
}

export interface Csv {
  readonly rows: readonly CsvRow[]
  /** Where the text stops to be CSV. */
  readonly fault?: { readonly line: number; readonly reason: string }
}

const CELL = /"([^"]*(?:""[^"]*)*)"|([^,\r\n]*)/y
const TSV_CELL = /"([^"]*(?:""[^"]*)*)"|([^\t\r\n]*)/y

/** Comma- or tab-separated text after RFC 4180: quoted cells may hold separators, line ends and doubled quotes. Lines without a character are passed over. */
export function parseCsv(text: string, separator: ',' | '\t' = ','): Csv {
  const cell = separator === ',' ? CELL : TSV_CELL
  const rows: CsvRow[] = []
  let at = 0
  let line = 1
  while (at < text.length) {
    const start = line
    const cells: string[] = []
    for (;;) {
      cell.lastIndex = at
      const [all, quoted, plain] = cell.exec(text)!
      if (quoted === undefined && plain.startsWith('"')) return { rows, fault: { line, reason: 'a quoted cell does not end' } }
      cells.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
      at += all.length
      // The last of an odd number of quotes before the end of the text.
      if (quoted !== undefined && text[at] === '"') return { rows, fault: { line, reason: 'a quoted cell does not end' } }
      if (quoted !== undefined) line += all.split('\n').length - 1
      if (text[at] !== separator) break
      at++
    }
    if (at < text.length && !/[\r\n]/.test(text[at])) return { rows, fault: { line, reason: 'text after the closing quote of a cell' } }
    at += text[at] === '\r' && text[at + 1] === '\n' ? 2 : 1
    line++
    if (cells.length > 1 || cells[0] !== '') rows.push({ line: start, cells })
  }
  return { rows }
}
