import { describeProtocol } from '@unidiag/core/sinks/describe-score'
import type { OverSeeds } from '@unidiag/tasks/over-seeds'
import type { AblationSummary, LineSummary } from './summary.js'

/** The tables as Markdown: one row a line, one column a metric, as in the paper; then the tests against the first line. */
export function markdown(summary: AblationSummary): string {
  const { name, axis, seeds, protocol, lines, failures } = summary
  const metrics = metricNames(lines)
  const headings = Object.keys(lines[0]?.cells ?? {})
  const rows = lines.map((line, i) => {
    const lost = line.seeds.length < seeds.length ? ` (${line.seeds.length} of ${seeds.length} seeds)` : ''
    return [`${i + 1}${lost}`, ...headings.map((heading) => line.cells[heading]), ...metrics.map((metric) => cell(line.metrics[metric]))]
  })
  const parts = [
    `# Ablation of ${name}: ${axis}`,
    `Mean ± standard deviation over ${seeds.length === 1 ? 'one seed' : `${seeds.length} seeds (${seeds.join(', ')})`}; in brackets the 95 % interval of the mean (Student's t). Shares are in %.`,
    table(['line', ...headings, ...metrics], rows),
    ...comparisons(lines),
    ...(protocol ? [`Measured as: ${describeProtocol(protocol)}.`] : []),
    ...(failures.length > 0
      ? ['## Failed', failures.map(({ line, seed, error }) => `- ${line}, seed ${seed}: ${error.replaceAll('\n', ' ')}`).join('\n')]
      : []),
  ]
  return `${parts.join('\n\n')}\n`
}

function comparisons(lines: readonly LineSummary[]): string[] {
  const compared = lines.flatMap(({ name, against }, i) => (against ? [{ line: i + 1, name, ...against }] : []))
  if (compared.length === 0) return []
  const rows = compared.map(({ line, name, overSeeds, overSamples, bySeed }) => [
    `${line}`,
    name,
    points(overSeeds.mean),
    overSeeds.n > 1 ? overSeeds.interval.map(points).join(' to ') : '',
    overSamples ? overSamples.interval.map(points).join(' to ') : '',
    overSamples ? `${overSamples.onlySecond} / ${overSamples.onlyFirst}` : '',
    overSamples ? pValue(overSamples.p) : '',
    bySeed.map(({ p }) => pValue(p)).join(', '),
  ])
  const headings = [
    'line',
    'name',
    'difference',
    'interval over seeds',
    'interval over samples',
    'samples better / worse',
    'p, sign test',
    "p of each seed, McNemar's test",
  ]
  return [
    `## ${compared[0].metric} against line 1, in points`,
    table(headings, rows),
    "Differences are between runs of one seed; 95 % intervals, by Student's t over seeds and by a paired bootstrap over samples. The sign test is over samples by their mean over the seeds. No p is corrected for the number of lines.",
  ]
}

/** One row a line, fractions unrounded. */
export function csv({ lines }: AblationSummary): string {
  const metrics = metricNames(lines)
  const headings = Object.keys(lines[0]?.cells ?? {})
  const header = [
    ...['line', 'name', ...headings, 'seeds'],
    ...metrics.flatMap((name) => ['mean', 'deviation', 'low', 'high'].map((what) => `${name} ${what}`)),
    ...[
      'difference',
      'difference low over seeds',
      'difference high over seeds',
      'difference low over samples',
      'difference high over samples',
      'p over samples',
    ],
  ]
  const rows = lines.map(({ name, cells, seeds, metrics: found, against }, i) => [
    ...[i + 1, name, ...headings.map((heading) => cells[heading]), seeds.join(' ')],
    ...metrics.flatMap((metric) => [found[metric]?.mean, found[metric]?.deviation, ...(found[metric]?.interval ?? [undefined, undefined])]),
    ...[against?.overSeeds.mean, ...(against?.overSeeds.interval ?? [undefined, undefined])],
    ...[...(against?.overSamples?.interval ?? [undefined, undefined]), against?.overSamples?.p],
  ])
  return [header, ...rows].map((row) => `${row.map(quoted).join(',')}\n`).join('')
}

/** Those of all lines, in the order of the first. */
const metricNames = (lines: readonly LineSummary[]): string[] => [...new Set(lines.flatMap(({ metrics }) => Object.keys(metrics)))]

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  return [header, header.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

/** A metric that is no share, such as a loss, keeps its size. */
function cell(metric: (OverSeeds & { readonly values: readonly number[] }) | undefined): string {
  if (!metric) return ''
  const share = metric.values.every((value) => value >= 0 && value <= 1)
  const show = (x: number): string => (share ? (100 * x).toFixed(1) : x.toPrecision(4))
  const { n, mean, deviation, interval } = metric
  return n === 1 ? show(mean) : `${show(mean)} ± ${show(deviation)} (${interval.map(show).join(' to ')})`
}

const points = (x: number): string => `${x < 0 ? '-' : '+'}${Math.abs(100 * x).toFixed(1)}`

const pValue = (p: number): string => (p < 1e-4 ? p.toExponential(1) : p.toFixed(4))

function quoted(value: string | number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return ''
  const text = String(value)
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
