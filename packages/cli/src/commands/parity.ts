import { startBackend } from '@unidiag/core/backend/backend'
import type { BackendName, Precision } from '@unidiag/core/backend/engines'
import { Command, Option } from 'commander'
import { backendOption } from '../backend-option.js'
import { exitCodes, exitCodesHelp } from '../exit-codes.js'
import type { ParityGroup, ParityReport } from '../parity/report.js'
import { runParity } from '../parity/run-parity.js'

export function parityCommand(): Command {
  return new Command('parity')
    .description('Recompute every number of a folder of reference values (forward, losses, gradients, updates, teacher) and say how far apart they are.')
    .argument('<dir>', "folder in the format of its README, made by the authors' code")
    .addOption(backendOption())
    .addOption(new Option('--precision <name>', 'of matrix products and attention; bf16 has tolerances of its own').choices(['f32', 'bf16']).default('f32'))
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
The error of a tensor is its largest difference over its largest reference value. Ends with 1 when a group is beyond its tolerance.

Examples:
  $ unidiag parity ../shared/parity
  $ unidiag parity ../shared/parity --backend cpu --json
${exitCodesHelp}`,
    )
    .action(parity)
}

async function parity(
  dir: string,
  { backend = 'auto', precision, json }: { backend?: BackendName | 'auto'; precision: Precision; json?: boolean },
): Promise<void> {
  await startBackend(backend, { precision })
  const report = await runParity(dir, precision)
  console.log(json ? JSON.stringify(report, null, 2) : format(report))
  if (!report.passed) process.exitCode = exitCodes.problems
}

function format({ dir, backend, precision, groups, notCovered, passed }: ParityReport): string {
  const width = Math.max(...groups.map(({ name }) => name.length))
  return [
    `${dir} on ${backend}${precision === 'f32' ? '' : `, ${precision}`}`,
    ...groups.flatMap((group) => line(group, width)),
    ...(notCovered.length > 0 ? ['left out:', ...notCovered.map(({ what, why }) => `  ${what}: ${why}`)] : []),
    passed
      ? 'every group is within its tolerance'
      : `beyond tolerance: ${groups
          .filter((group) => !group.passed)
          .map(({ name }) => name)
          .join(', ')}`,
  ].join('\n')
}

function line({ name, tensors, tolerance, worst, missing, passed }: ParityGroup, width: number): string[] {
  const error = worst ? `largest relative error ${worst.error.toExponential(2)} (${worst.tensor})` : 'nothing recomputed'
  return [
    `${passed ? 'ok    ' : 'FAILED'} ${name.padEnd(width)}  ${String(tensors).padStart(4)} numbers, ${error}, tolerance ${tolerance.relative.toExponential(0)}`,
    ...(missing.length > 0 ? [`       not recomputed: ${missing.join(', ')}`] : []),
  ]
}
