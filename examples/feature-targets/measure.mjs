// Do the feature objectives of MR-Pretrain collapse? Pre-trains the model of the demo with four readings of their target and says, at some steps, what their
// losses are, and at the end how much is left in the target: its spread over tokens, and the share of that spread which the student does not predict.
// `node examples/feature-targets/measure.mjs --steps 400 --set clip-vit.width=64`
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { add, div, mean, moments, mul, ones, reshape, sqrt, square, sub, sum, tidy } from '@tensorflow/tfjs-core'
import { loadConfig } from '@unidiag/cli/config'
import { compose } from '@unidiag/core/compose'
import { Dataset } from '@unidiag/core/contracts/dataset'
import { Fusion, ImageEncoder, TextEncoder } from '@unidiag/core/contracts/encoders'
import { ImageLoader } from '@unidiag/core/contracts/image-loader'
import { Masker } from '@unidiag/core/contracts/objective'
import { Teacher } from '@unidiag/core/contracts/teacher'
import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { BatchLoader } from '@unidiag/core/data/loader'
import { VisionLanguageModel } from '@unidiag/core/model'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import { gatherRows } from '@unidiag/core/ops/gather-rows'
import { linear } from '@unidiag/core/ops/linear'
import { sliceTokens } from '@unidiag/core/ops/tokens'
import { RandomSource } from '@unidiag/core/random'
import { Step } from '@unidiag/core/step'
import { lastValueFrom, tap } from 'rxjs'

const { values: options } = parseArgs({
  options: { steps: { type: 'string', default: '400' }, seed: { type: 'string', default: '0' }, set: { type: 'string', multiple: true, default: [] } },
})
const steps = Number(options.steps)
const shown = [1, 50, 100, 200, 400, 800, 1600].filter((step) => step < steps).concat(steps)
const readings = {
  'as the paper writes it': { stopGradient: false, normTarget: false },
  stopGradient: { stopGradient: true, normTarget: false },
  normTarget: { stopGradient: false, normTarget: true },
  'stopGradient and normTarget': { stopGradient: true, normTarget: true },
}
const config = fileURLToPath(new URL('../demo/unidiag.config.yaml', import.meta.url))
const later = ['@unidiag/tuning/td-calib', '@unidiag/tuning/gm-coord', '@unidiag/tuning/fine-tune', '@unidiag/tasks/vqa']

for (const [name, reading] of Object.entries(readings)) {
  const set = ['fea-mim', 'fea-mlm'].flatMap((plugin) => Object.entries(reading).map(([option, value]) => `${plugin}.${option}=${value}`))
  const { plugins } = await loadConfig(config, { set: [...set, `mr-pretrain.steps=${steps}`, ...options.set] })
  const pipeline = await compose({ plugins: plugins.filter(({ definition }) => !later.includes(definition.name)), seed: Number(options.seed) })
  const seen = []
  const look = (event) => event.type === 'step' && shown.includes(event.step) && seen.push(event)
  await lastValueFrom(pipeline.run().pipe(tap(look)))
  console.log(`\n${name}`)
  for (const key of ['feaMim', 'feaMlm', 'mim', 'mlm', 'itm'])
    console.log(`  ${key.padEnd(7)}${seen.map(({ step, losses }) => `  ${step}: ${losses[key].toPrecision(3)}`).join('')}`)
  for (const [key, { spread, unexplained, features }] of Object.entries(await target(pipeline, reading)))
    console.log(
      `  ${key.padEnd(7)}  spread of the target ${spread.toPrecision(3)}, unexplained ${unexplained.toPrecision(3)}, spread of the features ${features.toPrecision(3)}`,
    )
  await pipeline.close()
}

/** What is left in the targets on 128 pairs. */
async function target(pipeline, { normTarget }) {
  const get = pipeline.get.bind(pipeline)
  const [tokenizer, images, random, teacher, parameters] = [Tokenizer, ImageLoader, RandomSource, Teacher, ParameterStore].map(get)
  const model = new VisionLanguageModel({ image: get(ImageEncoder), text: get(TextEncoder), fusion: get(Fusion) })
  const samples = pipeline
    .getAll(Dataset)
    .find(({ name }) => name === 'captions')
    .samples('train')
    .slice(0, 128)
  const parts = pipeline.getAll(Masker)
  const how = { batchSize: samples.length, stage: 'measure', augment: false, shuffle: false, maxLength: model.text.maxLength }
  const { value: batch } = await new BatchLoader({ samples, tokenizer, images, parts, random, ...how }).batches({ epochs: 1 }).next()
  return tidy(() => {
    const step = new Step({ model, batch, teacher, training: false })
    const [student, whole] = [step.student({ image: 'masked', text: 'masked' }), step.teacher({ image: 'full', text: 'full' })]
    const every = (x) => ones(x.shape.slice(0, 2))
    const compare = (projection, predicted, wanted, where) => {
      const project = (x) => linear(x, parameters.get(`${projection}.weight`).value, parameters.get(`${projection}.bias`).value)
      const label = normTarget ? standard(project(wanted)) : project(wanted)
      const error = div(sum(mul(mean(square(sub(project(predicted), label)), 2), where)), sum(where)).dataSync()[0]
      const spread = spreadOf(label, where)
      return { spread, unexplained: error / spread, features: spreadOf(wanted, where) }
    }
    const [seen, kept] = [sliceTokens(student.image, 1), gatherRows(sliceTokens(whole.image, 1), step.get('image.keep'))]
    return { feaMim: compare('feai_proj', seen, kept, every(seen)), feaMlm: compare('feal_proj', student.text, whole.text, student.mask) }
  })
}

function standard(x) {
  const { mean: centre, variance } = moments(x, 2, true)
  return div(sub(x, centre), sqrt(add(mul(variance, x.shape[2] / (x.shape[2] - 1)), 1e-6)))
}

/** Variance of a feature over the tokens that count, averaged over features. */
function spreadOf(x, where) {
  const [rows, weight] = [reshape(x, [-1, x.shape[2]]), reshape(where, [-1, 1])]
  const centre = div(sum(mul(rows, weight), 0, true), sum(weight))
  return div(sum(mul(mean(square(sub(rows, centre)), 1, true), weight)), sum(weight)).dataSync()[0]
}
