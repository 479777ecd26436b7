import { Command } from 'commander'
import { compareRuns } from '../compare/compare-runs.js'
import { describeComparison } from '../compare/describe-comparison.js'
import { readRun } from '../compare/read-run.js'
import { exitCodesHelp } from '../exit-codes.js'

export function compareCommand(): Command {
  return new Command('compare')
    .description('Compare the scores of runs on the same samples: side by side, over seeds, and sample by sample.')
    .argument('<runs...>', 'folders of runs; the others are compared with the first')
    .option('--split <name>', 'split whose last score is taken (default: that of the last score of each run)')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Runs of one config with several seeds are also summed up: mean, standard deviation, interval. Differences come with a paired bootstrap and McNemar's test.

Examples:
  $ unidiag compare runs/plain runs/gm-coord
  $ unidiag compare runs/seed-0 runs/seed-1 runs/seed-2 --split test --json
${exitCodesHelp}`,
    )
    .action(async (folders: string[], { split, json }: { split?: string; json?: boolean }) => {
      const compared = compareRuns(await Promise.all(folders.map((folder) => readRun(folder, split))))
      console.log(json ? JSON.stringify(compared, null, 2) : describeComparison(compared).join('\n'))
    })
}
