import type { DryReport, DryStage } from './dry-run.js'

const whole = (n: number): string => n.toLocaleString('en-US')
const prefixes = ['', 'k', 'M', 'G', 'T', 'P', 'E']
/** With three digits and a prefix: `253 T`. */
function short(n: number): string {
  const steps = Math.min(prefixes.length - 1, Math.floor(Math.log10(Math.max(1, n)) / 3))
  return `${Number((n / 1000 ** steps).toPrecision(3))} ${prefixes[steps]}`.trim()
}

/** A report as a person reads it. */
export function describeDryRun({ name, parameters, stages, notes }: DryReport): string {
  const counts = [
    ...parameters.modules.map(({ module, parameters }) => [module, parameters] as const),
    ['all', parameters.total] as const,
    ['trainable', parameters.trainable] as const,
  ]
  const widest = whole(parameters.total).length
  return [
    `${name}: composed, and two steps made of each stage by shape alone`,
    '',
    'parameters',
    ...table(counts.map(([name, count]) => [name, whole(count).padStart(widest)])),
    ...stages.flatMap((stage) => ['', ...describeStage(stage)]),
    ...(notes.length > 0 ? ['', ...notes.map((note) => `note: ${note}`)] : []),
  ].join('\n')
}

function describeStage({ stage, batchSize, accumulate, steps, trained, teacher, flopsPerSample, flopsPerStep, memory }: DryStage): string[] {
  const { forward, withoutGradient, backward, total } = flopsPerSample
  return [
    `${stage}: ${batchSize * accumulate} samples a step (micro-batches of ${batchSize}, ${accumulate} a step)${steps === undefined ? '' : `, ${whole(steps)} steps`}`,
    ...table([
      ['parameters with a gradient', whole(trained)],
      ...(teacher > 0 ? ([['parameters of the teacher', whole(teacher)]] as [string, string][]) : []),
      ['FLOP a sample', `${short(total)} = forward ${short(forward)} + without gradient ${short(withoutGradient)} + backward ${short(backward)}`],
      ['FLOP a step', short(flopsPerStep)],
      ...(steps === undefined ? [] : ([['FLOP the stage', short(flopsPerStep * steps)]] as [string, string][])),
      ['bytes at the peak of a step', `${short(memory.peak)} = ${sum(memory)}`],
    ]),
  ]
}

const sum = ({ weights, teacher, optimizer, gradients, activations }: DryStage['memory']): string =>
  Object.entries({ weights, teacher, optimizer, gradients, activations })
    .map(([name, bytes]) => `${name} ${short(bytes)}`)
    .join(' + ')

function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`)
}
