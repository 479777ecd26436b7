import { Command } from 'commander'
import { benchData, type DataBench } from '../bench/data.js'
import type { Rate } from '../bench/stopwatch.js'
import { sourceOf } from '../data/sources.js'
import { exitCodesHelp } from '../exit-codes.js'
import { setOption } from '../set-option.js'
import { count } from './bench-step.js'

interface Options {
  readonly set: readonly string[]
  readonly size?: number
  readonly images: number
  readonly turns: number
  readonly json?: boolean
}

export function benchDataCommand(): Command {
  return new Command('data')
    .description('Time what becomes of images and texts before a step: decoding, resizing, tokenizing; beside sharp alone, and from prepared shards.')
    .argument('<what>', 'a config (its first data set), or a data set')
    .argument('[dir]', 'the folder of the data set, as downloaded')
    .addOption(setOption('the config'))
    .option('--size <pixels>', 'side of the images, where a data set is named', count)
    .option('--images <n>', 'different images that are timed', count, 100)
    .option('--turns <n>', 'how often each has its turn', count, 3)
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
"a core" is a second of processor time, summed over all threads. sharp alone decodes JPEG at a smaller scale where it can, and gives other pixels than the
reference; ours are Pillow's. Where no tokenizer is configured, one is trained on the texts. The shards are temporary.

Examples:
  $ unidiag bench data vqa-rad ./vqa-rad --size 384
  $ unidiag bench data config.yaml --images 500 --json
${exitCodesHelp}`,
    )
    .action(async (what: string, dir: string | undefined, { set, size, images, turns, json }: Options) => {
      const result = await benchData(await sourceOf(what, dir, { set, ...(size !== undefined && { size }) }), { count: images, turns })
      console.log(json ? JSON.stringify(result) : describe(result))
    })
}

function describe(r: DataBench): string {
  const line = (what: string, rate: Rate | undefined): string[] =>
    rate ? [`  ${what.padEnd(44)}${rate.perCore.toFixed(1).padStart(12)}${rate.perSecond.toFixed(1).padStart(12)}`] : []
  return [
    `${r.dataset}, ${r.split}: ${r.images} images to ${r.size} pixels, medians of ${r.turns} turns`,
    `  ${'samples a second'.padEnd(44)}${'a core'.padStart(12)}${'here'.padStart(12)}`,
    ...line('decode: read and decode', r.decode),
    ...line('resize: of decoded pictures, one thread', r.resize),
    ...line('load: read, decode, resize, normalise', r.load),
    ...line('sharp alone: read, decode, resize', r.sharp),
    ...line('load from prepared shards', r.shards),
    ...line('tokenize: one thread', r.tokenize),
    ...(r.loadOverSharp === undefined ? ['  sharp cannot read all of these files'] : [`  a core, load over sharp alone: ${r.loadOverSharp.toFixed(2)}`]),
    `  a core, shards over raw files: ${r.shardsOverLoad.toFixed(2)}`,
  ].join('\n')
}
