import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { UniDiagError } from '@unidiag/core/errors'
import { renderReport, verifiable, verifyDataset } from '@unidiag/datasets/verify'
import { Argument, Command } from 'commander'
import { exitCodes, exitCodesHelp } from '../exit-codes.js'

export function dataCommand(): Command {
  return new Command('data')
    .description('Look at data sets.')
    .addCommand(
      new Command('verify')
        .description('Say what a downloaded data set holds, what is missing or broken, how large its splits are, and what leaks between them.')
        .addArgument(new Argument('<name>', 'data set').choices(verifiable))
        .argument('<dir>', 'its folder, as downloaded')
        .option('--json', 'print one JSON object')
        .addHelpText('after', `\nExamples:\n  $ unidiag data verify vqa-rad ./vqa-rad\n  $ unidiag data verify slake ./Slake1.0 --json\n${exitCodesHelp}`)
        .action(verify),
    )
}

async function verify(name: string, dir: string, { json }: { json?: boolean }): Promise<void> {
  const folder = await stat(dir).catch(() => undefined)
  if (!folder?.isDirectory()) throw new UniDiagError('DATA_MISSING', `there is no folder ${resolve(dir)}`, { fix: 'Give the folder of the official release.' })
  const report = await verifyDataset(name, dir)
  console.log(json ? JSON.stringify(report, null, 2) : renderReport(report))
  if (report.problems.length > 0) process.exitCode = exitCodes.problems
}
