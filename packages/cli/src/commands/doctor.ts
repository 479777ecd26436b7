import { arch, availableParallelism, cpus, freemem, platform, release, totalmem } from 'node:os'
import { type BackendProbe, probeBackends } from '@unidiag/core/backend/backend'
import { Command } from 'commander'
import { exitCodes, exitCodesHelp } from '../exit-codes.js'

interface Report {
  readonly machine: { readonly system: string; readonly processor: string; readonly cores: number; readonly memoryGiB: number; readonly freeGiB: number }
  readonly node: { readonly version: string; readonly supported: boolean }
  readonly backends: readonly BackendProbe[]
  /** What `auto` takes, and why. */
  readonly choice: { readonly name: string | null; readonly why: string }
}

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('Say what this machine is, which tfjs engines load on it and why the others do not, and which one `auto` takes.')
    .option('--json', 'print one JSON object')
    .addHelpText('after', `\nExamples:\n  $ unidiag doctor\n  $ unidiag doctor --json\n${exitCodesHelp}`)
    .action(doctor)
}

async function doctor({ json }: { json?: boolean }): Promise<void> {
  const report = await examine()
  console.log(json ? JSON.stringify(report, null, 2) : format(report))
  if (report.choice.name === null || !report.node.supported) process.exitCode = exitCodes.problems
}

async function examine(): Promise<Report> {
  const backends = await probeBackends()
  const chosen = backends.find(({ usable, software }) => usable && !software)
  const passed = backends.slice(0, chosen ? backends.indexOf(chosen) : undefined).map(({ name }) => name)
  const [major, minor] = process.versions.node.split('.').map(Number)
  return {
    machine: {
      system: `${platform()} ${release()} ${arch()}`,
      processor: cpus()[0]?.model.trim() || 'unknown',
      cores: availableParallelism(),
      memoryGiB: gib(totalmem()),
      freeGiB: gib(freemem()),
    },
    node: { version: process.versions.node, supported: major > 20 || (major === 20 && minor >= 19) },
    backends,
    choice: {
      name: chosen?.name ?? null,
      why: chosen
        ? `the first that loads of ${backends.map(({ name }) => name).join(', ')}${passed.length > 0 ? `; not ${passed.join(', ')}` : ''}`
        : 'no engine loads',
    },
  }
}

function format({ machine, node, backends, choice }: Report): string {
  return [
    `machine   ${machine.system}; ${machine.processor}; ${machine.cores} cores; ${machine.memoryGiB} GiB memory, ${machine.freeGiB} GiB free`,
    `node      ${node.version}${node.supported ? '' : ' - too old: UniDiag needs 20.19 or later'}`,
    ...backends.map(
      ({ name, usable, software, problem, fix }) =>
        `backend   ${name.padEnd(14)} ${usable ? `loads${software ? ', without a GPU: by name only' : ''}` : `does not load: ${problem?.replace(/^the backend \S+ cannot start: /, '')}\n${' '.repeat(25)}fix: ${fix}`}`,
    ),
    `auto      ${choice.name ?? 'nothing'}: ${choice.why}`,
  ].join('\n')
}

const gib = (bytes: number): number => Math.round((bytes / 2 ** 30) * 10) / 10
