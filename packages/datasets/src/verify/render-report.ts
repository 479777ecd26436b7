import type { SharedImages, VerifyReport } from './report.js'

const SHOWN = 20

/** The rows of a table with their columns aligned, numbers to the right. */
function table(rows: readonly (readonly (string | number)[])[]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)))
  return rows.map((row) =>
    row
      .map((cell, column) => (column < 2 ? String(cell).padEnd(widths[column]) : String(cell).padStart(widths[column])))
      .join('  ')
      .trimEnd(),
  )
}

/** The report for people. */
export function renderReport({ dataset, dir, licence, source, variants, images, problems, notes }: VerifyReport): string {
  const header = ['variant', 'split', 'questions', 'images', 'open', 'closed', 'answer not in train']
  const rows = variants.flatMap(({ variant, splits }) =>
    splits.map((split) => [variant, split.split, split.questions, split.images, split.open, split.closed, split.unseenAnswers]),
  )
  const list = (title: string, items: readonly string[]): string[] =>
    items.length === 0
      ? []
      : ['', title, ...items.slice(0, SHOWN).map((item) => `  ${item}`), ...(items.length > SHOWN ? [`  and ${items.length - SHOWN} more`] : [])]
  return [
    dir === '' ? dataset : `${dataset} in ${dir}`,
    `licence: ${licence}`,
    `source: ${source}`,
    ...(rows.length > 0 ? ['', ...table([header, ...rows])] : []),
    '',
    `images: ${images.decoded} of ${images.referenced} decoded, ${images.duplicates.length} groups with the same content, ${images.unused.length} unused`,
    ...(images.values ? [`values: ${images.values.low} to ${images.values.high} of 0 to 255`] : []),
    ...list(
      `problems (${problems.length}):`,
      problems.map(({ kind, file, reason }) => `${kind}  ${file}: ${reason}`),
    ),
    ...list('notes:', notes),
    '',
    problems.length === 0 ? 'no problems' : `${problems.length} problem${problems.length === 1 ? '' : 's'}`,
  ].join('\n')
}

const WAYS = { content: 'with the same pixels', looks: 'that look alike', name: 'with the same name in the same archive' } as const

/** What several data sets share, for people. */
export function renderShared(shared: readonly SharedImages[]): string {
  if (shared.length === 0) return 'no image is in two of the data sets'
  const lines = shared.flatMap(({ between: [first, second], images }) =>
    Object.entries(WAYS).flatMap(([way, words]) => {
      const found = images.filter(({ by }) => by === way).map(({ ids: [a, b] }) => (a === b ? a : `${a} = ${b}`))
      if (found.length === 0) return []
      return [`  ${found.length} in ${first} and in ${second} ${words}: ${found.slice(0, SHOWN).join(', ')}${found.length > SHOWN ? ', ...' : ''}`]
    }),
  )
  return ['leak between data sets:', ...lines].join('\n')
}
