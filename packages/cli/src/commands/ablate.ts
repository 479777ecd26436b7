import { join, resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { ablate } from '../ablate/ablate.js'
import { ablationAxis } from '../ablate/lines.js'
import { Stopped } from '../ablate/stage-runs.js'
import { markdown } from '../ablate/tables.js'
import { backendOption } from '../backend-option.js'
import { readConfigFile } from '../config-file.js'
import { readConfigItems } from '../config-items.js'
import { exitCodes, exitCodesHelp } from '../exit-codes.js'
import { applyOverrides } from '../overrides.js'
import { setOption } from '../set-option.js'

interface AblateCommandOptions {
  readonly seeds: readonly number[]
  readonly axis: string
  readonly out?: string
  readonly set: readonly string[]
  readonly backend?: string
}

export function ablateCommand(): Command {
  return new Command('ablate')
    .description('Run the whole method without its parts, over seeds: the eight lines of the ablation as a table, with intervals and paired tests.')
    .argument('<config>', 'config of the whole method: mr-pretrain, td-calib, gm-coord and what they need')
    .option('--seeds <list>', 'seeds of the runs, in place of that of the config', seedList, [0, 1, 2])
    .option('--axis <what>', 'what tells the lines apart: parts, alpha=<values>, or another setting and its values', 'parts')
    .option('--out <dir>', 'folder for all runs and the tables (default: `out` of the config, else runs/<name>)')
    .addOption(setOption('the config'))
    .addOption(backendOption())
    .addHelpText(
      'after',
      `
The lines of \`parts\` are every choice of MR-Pretrain, TD-Calib and GM-Coord (Tables 4 and 5 of the paper); all else stays as the config says. What lines
have in common is run once: one pre-training of a seed serves four lines. \`alpha\` sets Eq. 7 in mr-pretrain and td-calib (Figure 5). The first
line is what the others are tested against.

Tables go to <out>/<axis>.md, .csv and .json and are written anew after each run; runs are in <out>/<line>/seed-<n>. The same command goes on where
an earlier one ended: what is finished is not run again. A line that breaks is reported, and costs that line only. To use more cores, start
the command once for each seed with the same --out, and at the end once for all seeds.

Examples:
  $ unidiag ablate examples/ablation/unidiag.config.yaml
  $ unidiag ablate config.yaml --seeds 0,1,2,3,4 --set fine-tune.epochs=30 --out runs/ablation
  $ unidiag ablate config.yaml --axis alpha=0.1,0.3,0.5,0.7,0.9
  $ unidiag ablate config.yaml --axis gm-coord.beta=0.05,0.1,0.2 --seeds 0
${exitCodesHelp}`,
    )
    .action(run)
}

function seedList(text: string): number[] {
  const seeds = text.split(',').map(Number)
  if (
    text.split(',').some((part) => part.trim() === '') ||
    !seeds.every((seed) => Number.isSafeInteger(seed) && seed >= 0) ||
    new Set(seeds).size < seeds.length
  )
    throw new InvalidArgumentError('Expected different whole numbers from 0, such as 0,1,2.')
  return seeds
}

async function run(file: string, { seeds, axis, out, set, backend }: AblateCommandOptions): Promise<void> {
  const config = applyOverrides(readConfigItems(await readConfigFile(file), file), set)
  const folder = resolve(out ?? config.out ?? join('runs', config.name))
  try {
    const summary = await ablate({ config, from: file, axis: ablationAxis(config, axis), seeds, out: folder, backend, say: (text) => console.log(text) })
    console.log(`\n${markdown(summary)}`)
    console.log(`tables are in ${folder}`)
    if (summary.failures.length > 0) process.exitCode = exitCodes.failed
  } catch (error) {
    if (!(error instanceof Stopped)) throw error
    console.error('stopped; the same command goes on from here')
    process.exitCode = exitCodes.interrupted
  }
}
