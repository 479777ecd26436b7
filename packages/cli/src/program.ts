import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { ablateCommand } from './commands/ablate.js'
import { backendCommand } from './commands/backend.js'
import { benchCommand } from './commands/bench.js'
import { compareCommand } from './commands/compare.js'
import { dataCommand } from './commands/data.js'
import { doctorCommand } from './commands/doctor.js'
import { embedCommand } from './commands/embed.js'
import { evalCommand } from './commands/eval.js'
import { parityCommand } from './commands/parity.js'
import { predictCommand } from './commands/predict.js'
import { runCommand } from './commands/run.js'
import { weightsCommand } from './commands/weights.js'
import { exitCodesHelp } from './exit-codes.js'

/** The `unidiag` command. Its actions throw; `main` reports. */
export function makeProgram(): Command {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
  const program = new Command('unidiag')
    .description('Pre-train, calibrate, coordinate and evaluate vision-language models on radiology images and texts.')
    .version(version)
    .option('--verbose', 'show where an error comes from')
    .addHelpText(
      'after',
      `
Examples:
  $ unidiag doctor
  $ unidiag run examples/vqa-rad/unidiag.config.yaml --set seed=1
  $ unidiag run umd-paper --dry
  $ unidiag eval runs/vqa-rad --split test
  $ unidiag predict --checkpoint runs/vqa-rad --image scan.png --question "is there a fracture?"
${exitCodesHelp}`,
    )
  for (const command of [
    runCommand(),
    evalCommand(),
    compareCommand(),
    ablateCommand(),
    predictCommand(),
    embedCommand(),
    parityCommand(),
    dataCommand(),
    weightsCommand(),
    doctorCommand(),
    backendCommand(),
    benchCommand(),
  ])
    program.addCommand(command)
  visit(program, (command) => {
    command.exitOverride()
    command.showHelpAfterError('(add --help for what there is)')
  })
  return program
}

function visit(command: Command, f: (command: Command) => void): void {
  f(command)
  for (const child of command.commands) visit(child, f)
}
