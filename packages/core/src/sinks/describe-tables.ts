import type { Score, Table } from '../contracts/task.js'
import { number, spaced } from './format.js'

/** The tables of a score as lines of aligned columns, each under its name. */
export function describeTables({ tables = {} }: Score): string[] {
  return Object.entries(tables).flatMap(([name, table]) => ['', `${spaced(name)}:`, ...alignedRows(table)])
}

function alignedRows({ columns, rows }: Table): string[] {
  const cells = [columns, ...rows.map((row) => row.map((cell) => (typeof cell === 'number' ? number(cell) : cell)))]
  const widths = columns.map((_, c) => Math.max(...cells.map((row) => row[c].length)))
  return cells.map((row) => row.map((cell, c) => (c === 0 ? cell.padEnd(widths[c]) : cell.padStart(widths[c]))).join('  '))
}
