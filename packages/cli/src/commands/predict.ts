import { softmax, type Tensor2D, tidy } from '@tensorflow/tfjs-core'
import type { Sample } from '@unidiag/core/contracts/dataset'
import { Fusion, ImageEncoder, TextEncoder } from '@unidiag/core/contracts/encoders'
import { ImageLoader } from '@unidiag/core/contracts/image-loader'
import { Task } from '@unidiag/core/contracts/task'
import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import type { HostBatch } from '@unidiag/core/data/batch-draft'
import { batchKeys } from '@unidiag/core/data/batch-keys'
import { UniDiagError } from '@unidiag/core/errors'
import { VisionLanguageModel } from '@unidiag/core/model'
import { noGrad } from '@unidiag/core/nn/no-grad'
import { ownPair, Step } from '@unidiag/core/step'
import { Command } from 'commander'
import { backendOption } from '../backend-option.js'
import { exitCodesHelp } from '../exit-codes.js'
import { wholeNumber } from '../number-argument.js'
import { questionRow } from '../question-row.js'
import { type Restored, restore } from '../restore.js'

interface PredictOptions {
  readonly checkpoint: string
  readonly image: string
  readonly question: string
  readonly top: number
  readonly backend?: string
  readonly json?: boolean
}

export function predictCommand(): Command {
  return new Command('predict')
    .description('Answer a question about an image with the probabilities of the likeliest answers. Not for clinical use.')
    .requiredOption('--checkpoint <path>', 'a .safetensors file of a run, or the folder of a run (its best weights when it has them)')
    .requiredOption('--image <file>', 'JPEG or PNG')
    .requiredOption('--question <text>', 'the question')
    .option('--top <n>', 'number of answers to show', wholeNumber(), 5)
    .addOption(backendOption())
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Needs the run's files only, not its data. The probabilities are the softmax of the logits over all answers the model knows.

Example:
  $ unidiag predict --checkpoint runs/vqa-rad --image scan.png --question "is there a fracture?" --top 3
${exitCodesHelp}`,
    )
    .action(predict)
}

async function predict(options: PredictOptions): Promise<void> {
  const restored = await restore(options.checkpoint, { data: false, backend: options.backend })
  try {
    const answers = (await answer(restored, options)).slice(0, options.top)
    if (options.json) console.log(JSON.stringify({ checkpoint: restored.checkpoint.file, image: options.image, question: options.question, answers }, null, 2))
    else for (const { answer, probability } of answers) console.log(`${probability.toFixed(4)}  ${answer}`)
  } finally {
    await restored.pipeline.close()
  }
}

async function answer({ pipeline, settings }: Restored, { image, question }: PredictOptions): Promise<{ answer: string; probability: number }[]> {
  const text = pipeline.get(TextEncoder)
  const images = pipeline.get(ImageLoader)
  const task = pipeline.get(Task)
  if (task.view)
    throw new UniDiagError('OPTION_INVALID', `the checkpoint is of the task ${task.name}, which gives no answer to a single pair`, {
      fix: 'Score it with `unidiag eval`.',
    })
  const sample: Sample = { id: 'question', imageId: image, image: { file: image }, text: question }
  const row = questionRow(sample, pipeline.get(Tokenizer), settings.maxLength ?? text.maxLength)
  const pixels = { data: await images.load(sample.image), shape: [1, images.size, images.size, 3] }
  const batch: HostBatch = { index: 0, epoch: 0, samples: [sample], lost: [], arrays: { [batchKeys.image]: pixels, ...row } }
  const model = new VisionLanguageModel({ image: pipeline.get(ImageEncoder), text, fusion: pipeline.get(Fusion) })
  const probabilities = tidy(() =>
    noGrad(() => {
      const step = new Step({ model, batch, training: false })
      return softmax(task.logits(step.pooled(ownPair, settings.pooling), step)) as Tensor2D
    }).dataSync(),
  )
  return Array.from(probabilities, (probability, index) => ({ answer: task.label(index), probability })).sort((a, b) => b.probability - a.probability)
}
