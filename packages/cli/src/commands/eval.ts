import { Dataset } from '@unidiag/core/contracts/dataset'
import { Fusion, ImageEncoder, TextEncoder } from '@unidiag/core/contracts/encoders'
import { ImageLoader } from '@unidiag/core/contracts/image-loader'
import { Task } from '@unidiag/core/contracts/task'
import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { evaluate } from '@unidiag/core/evaluate'
import { VisionLanguageModel } from '@unidiag/core/model'
import { RandomSource } from '@unidiag/core/random'
import { describeScore } from '@unidiag/core/sinks/describe-score'
import { describeTables } from '@unidiag/core/sinks/describe-tables'
import { chooseDataset } from '@unidiag/core/stages/training-data'
import { Command } from 'commander'
import { backendOption } from '../backend-option.js'
import { exitCodesHelp } from '../exit-codes.js'
import { restore } from '../restore.js'
import { setOption } from '../set-option.js'

interface EvalOptions {
  readonly split: string
  readonly dataset?: string
  readonly set: readonly string[]
  readonly backend?: string
  readonly json?: boolean
}

export function evalCommand(): Command {
  return new Command('eval')
    .description('Score a checkpoint on a split of its data set, with the protocol of the score.')
    .argument('<checkpoint>', 'a .safetensors file of a run, or the folder of a run (its best weights when it has them)')
    .option('--split <name>', 'split to score', 'test')
    .option('--dataset <name>', 'name of the data set, when the run had several (default: the one it was tuned on)')
    .addOption(setOption('the saved config'))
    .addOption(backendOption())
    .option('--json', 'print the score as one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  $ unidiag eval runs/vqa-rad
  $ unidiag eval runs/vqa-rad/last.safetensors --split train --json
  $ unidiag eval runs/vqa-rad --set vqa-rad.dir=/data/vqa-rad
${exitCodesHelp}`,
    )
    .action(evaluateCheckpoint)
}

async function evaluateCheckpoint(path: string, options: EvalOptions): Promise<void> {
  const { pipeline, checkpoint, settings } = await restore(path, { data: true, set: options.set, backend: options.backend })
  try {
    const score = await evaluate({
      model: new VisionLanguageModel({ image: pipeline.get(ImageEncoder), text: pipeline.get(TextEncoder), fusion: pipeline.get(Fusion) }),
      task: pipeline.get(Task),
      dataset: chooseDataset('eval', pipeline.getAll(Dataset), options.dataset ?? settings.dataset),
      split: options.split,
      loader: {
        tokenizer: pipeline.get(Tokenizer),
        images: pipeline.get(ImageLoader),
        parts: [],
        ...(settings.maxLength && { maxLength: settings.maxLength }),
      },
      batchSize: settings.batchSize,
      pooling: settings.pooling,
      random: pipeline.get(RandomSource),
      onProgress: (message) => console.error(message),
      onLost: ({ id, reason }) => console.error(`lost ${id}: ${reason}`),
    })
    const { stage, step } = checkpoint.state
    console.log(
      options.json
        ? JSON.stringify({ checkpoint: checkpoint.file, stage, step, score }, null, 2)
        : [`${checkpoint.file} (${stage}, step ${step})`, ...describeScore(score), ...describeTables(score)].join('\n'),
    )
  } finally {
    await pipeline.close()
  }
}
