import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { compose } from '@unidiag/core/compose'
import type { Pipeline } from '@unidiag/core/pipeline'
import { jsonl } from '@unidiag/core/sinks/jsonl'
import { progress } from '@unidiag/core/sinks/progress'
import { Command } from 'commander'
import { backendOption } from '../backend-option.js'
import { loadConfig } from '../config.js'
import { describeDryRun } from '../dry/describe-dry-run.js'
import { dryRun } from '../dry/dry-run.js'
import { exitCodes, exitCodesHelp } from '../exit-codes.js'
import { followRun } from '../follow-run.js'
import { setOption } from '../set-option.js'
import { shippedConfigs } from '../shipped-configs.js'
import { withBackend, withPlugin } from '../with-plugin.js'

interface RunOptions {
  readonly set: readonly string[]
  readonly out?: string
  readonly resume?: boolean
  readonly backend?: string
  readonly dry?: boolean
  readonly json?: boolean
}

export function runCommand(): Command {
  return new Command('run')
    .description('Run every stage of a config: training, calibration, tuning and evaluation.')
    .argument('<config>', `config file: .ts, .yaml or .json; the config.json of an earlier run is accepted as it is; or one of ${shippedConfigs.join(', ')}`)
    .addOption(setOption('the config'))
    .option('--out <dir>', 'folder for checkpoints, events and the resolved config (default: `out` of the config, else runs/<name>)')
    .option('--resume', 'go on from the last checkpoint of the folder')
    .option('--dry', 'only check the config, and tell what it would take: parameters, arithmetic, memory; needs no data and no weights, and computes nothing')
    .option('--json', 'with --dry, print one JSON object')
    .addOption(backendOption())
    .addHelpText(
      'after',
      `
A setting is \`seed\`, \`out\`, or a plugin (the last part of its entry) and a path into its options. Of several plugins of one entry, [...] chooses
by the option \`name\`, or by position from 0. Values are YAML. \`variant\` chooses one of the
variants that a config has. Ctrl-C stops at the next step and saves a checkpoint; a second one stops at once.

Examples:
  $ unidiag run examples/demo/unidiag.config.yaml
  $ unidiag run config.yaml --set seed=3 --set clip-vit.imageSize=64 --set mr-pretrain.optimizer.learningRate=1e-4
  $ unidiag run config.yaml --set synthetic[questions].seed=7 --out runs/other
  $ unidiag run runs/demo/config.json --resume

The configs that come with the command hold the method of the paper, of its code, and the systems it is compared with. Each pre-trains on MedICaT and ROCO,
and its variants tune what that left: vqa-rad, slake, vqa-med-2019, melinda, roco.
  $ unidiag run umd-paper --dry
  $ unidiag run umd-paper --set medicat.dir=/data/medicat --set roco.dir=/data/roco
  $ unidiag run umd-paper --set variant=slake --set slake.dir=/data/slake
${exitCodesHelp}`,
    )
    .action(run)
}

async function run(file: string, options: RunOptions): Promise<void> {
  const config = await loadConfig(file, { set: options.set })
  if (options.dry) {
    const report = await dryRun(config)
    console.log(options.json ? JSON.stringify(report) : describeDryRun(report))
    return
  }
  const out = options.out ?? config.out ?? join('runs', config.name)
  if (!options.resume && existsSync(join(out, 'last.safetensors')))
    console.error(`${out} holds an earlier run; its checkpoints are renamed to *.previous.safetensors`)
  const plugins = withPlugin(withPlugin(withBackend(config.plugins, options.backend), progress()), jsonl())
  const pipeline = await compose({ plugins, seed: config.seed, out, name: config.name })
  try {
    await follow(pipeline, out, options.resume === true)
  } finally {
    await pipeline.close()
  }
}

/** Ends with 130 when it was stopped on the way. */
async function follow(pipeline: Pipeline, out: string, resume: boolean): Promise<void> {
  if ((await followRun(pipeline, { resume })) === 'done') return
  console.error(`stopped; go on with: unidiag run ${join(out, 'config.json')} --resume`)
  process.exitCode = exitCodes.interrupted
}
