import { verifiable } from '@unidiag/datasets/verify'
import { Command, InvalidArgumentError, Option } from 'commander'
import { type PrepareSettings, prepare } from '../data/prepare.js'
import { sourceOf } from '../data/sources.js'
import { verify } from '../data/verify.js'
import { exitCodesHelp } from '../exit-codes.js'
import { setOption } from '../set-option.js'

export function dataCommand(): Command {
  return new Command('data').description('Look at data sets, and prepare them for training.').addCommand(verifyCommand()).addCommand(prepareCommand())
}

function verifyCommand(): Command {
  return new Command('verify')
    .description('Say what data sets hold, what is missing or broken, how large their splits are, and what leaks between splits and between data sets.')
    .argument('<what...>', `a data set (${verifiable.join(', ')}) and its folder, as downloaded, several times; or a config`)
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  $ unidiag data verify vqa-rad ./vqa-rad
  $ unidiag data verify vqa-rad ./vqa-rad vqa-med-2019 ./vqa-med-2019
  $ unidiag data verify config.yaml --json
${exitCodesHelp}`,
    )
    .action((words: string[], { json }: { json?: boolean }) => verify(words, json === true))
}

interface PrepareFlags extends Omit<PrepareSettings, 'replace'> {
  readonly set: readonly string[]
  readonly size?: number
  readonly replace?: boolean
  readonly json?: boolean
}

function prepareCommand(): Command {
  return new Command('prepare')
    .description('Write data sets as tar shards with images ready for the model, so that training reads them quickly; batches stay the same.')
    .argument('<what>', 'a config, or a data set')
    .argument('[dir]', 'the folder of the data set, as downloaded')
    .requiredOption('--out <dir>', 'folder of the shards; each data set gets a folder in it')
    .addOption(setOption('the config'))
    .option('--size <pixels>', 'side of the images, where a data set is named', whole)
    .addOption(
      new Option('--pixels <how>', 'what shards hold (default: square, or whole where a stage of the config crops at random)').choices(['square', 'whole']),
    )
    .option('--images-per-shard <n>', 'images of a shard', whole, 1000)
    .option('--dataset <name>', 'prepare this one of the data sets only')
    .option('--replace', 'make shards anew where the folder holds others')
    .option('--measure <n>', 'then time the decoding of n images, from the files and from the shards', whole)
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
A run that was stopped goes on where it was; shards that are still right are left alone. Train with the plugin that is printed in place of the data set.

Examples:
  $ unidiag data prepare config.yaml --out shards
  $ unidiag data prepare vqa-rad ./vqa-rad --size 384 --out shards --measure 100
${exitCodesHelp}`,
    )
    .action(async (what: string, dir: string | undefined, { set, size, json, replace = false, ...settings }: PrepareFlags) => {
      const source = await sourceOf(what, dir, { set, ...(size !== undefined && { size }) })
      const progress = (dataset: string, done: number, of: number): void => void (process.stderr.isTTY && console.error(`${dataset}: shard ${done} of ${of}`))
      const sets = await prepare(source, { ...settings, replace, progress })
      if (json) console.log(JSON.stringify(sets, null, 2))
      else for (const one of sets) console.log(describe(one))
    })
}

function describe({ dataset, dir, written, manifest, speed }: Awaited<ReturnType<typeof prepare>>[number]): string {
  const bytes = manifest.shards.reduce((sum, shard) => sum + shard.bytes, 0)
  const splits = Object.entries(manifest.splits).map(([split, { samples, images, lost, tokens }]) => {
    const lengths = tokens ? `, tokens: longest ${tokens.longest}, 99 % up to ${tokens.p99}, mean ${tokens.mean}` : ''
    return `  ${split}: ${samples} samples, ${images} images${lost > 0 ? `, ${lost} lost` : ''}${lengths}`
  })
  const side = manifest.cut === 'square' ? `squares of ${String(manifest.recipe.size)} pixels` : 'whole images'
  return [
    `${dataset}: ${manifest.shards.length} shards, ${written} of them written now, ${side}, ${(bytes / 1e6).toFixed(1)} MB in ${dir}`,
    ...splits,
    ...(speed ? [`  decoding ${speed.images} images: ${speed.raw} images/s from the files, ${speed.shards} images/s from the shards`] : []),
    `  made from: ${manifest.fingerprint}`,
    '  in the config, in place of the data set:',
    `    - prepared: { dir: ${JSON.stringify(dir)} }`,
  ].join('\n')
}

function whole(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('Expected a whole number from 1.')
  return value
}
