import type { DryReport, DryStage } from './dry-run.js'

const whole = (n: number): string => n.toLocaleString('en-US')
const giga = (n: number): string => (n / 1e9).toFixed(n < 1e10 ? 2 : 1)

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
      ['GFLOP a sample', `${giga(total)} = forward ${giga(forward)} + without gradient ${giga(withoutGradient)} + backward ${giga(backward)}`],
      ['TFLOP a step', (flopsPerStep / 1e12).toFixed(1)],
      ...(steps === undefined ? [] : ([['EFLOP the stage', ((flopsPerStep * steps) / 1e18).toFixed(1)]] as [string, string][])),
      [
        'GB in single precision',
        `${giga(memory.peak)} = weights ${giga(memory.weights)} + teacher ${giga(memory.teacher)} + optimiser ${giga(memory.optimizer)} + gradients ${giga(memory.gradients)} + activations ${giga(memory.activations)}`,
      ],
    ]),
  ]
}

function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`)
}
