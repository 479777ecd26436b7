// Trains the model of unidiag.config.yaml with the whole method and by plain tuning from scratch, on the same data with the same tuning stage, and says how
// much each got right. Seeds run beside each other, one process each, as many as there are cores.
// `node examples/demo/demo.mjs --seeds 0,1 --set fine-tune.steps=100`
import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { loadConfig } from '@unidiag/cli/config'
import { compose } from '@unidiag/core/compose'
import { Dataset } from '@unidiag/core/contracts/dataset'
import { jsonl } from '@unidiag/core/sinks/jsonl'
import { lastValueFrom, tap } from 'rxjs'
import sharp from 'sharp'

const { values: options } = parseArgs({
  options: {
    seeds: { type: 'string', default: '0,1' },
    worker: { type: 'string' },
    set: { type: 'string', multiple: true, default: [] },
    config: { type: 'string' },
  },
})
const seeds = options.seeds.split(',').map(Number)
const file = options.config ?? fileURLToPath(new URL('unidiag.config.yaml', import.meta.url))
const config = await loadConfig(file, { set: options.set })

// Plain tuning is the same pipeline without these.
const ONLY_IN_FULL = ['@unidiag/pretrain/mr-pretrain', '@unidiag/tuning/td-calib', '@unidiag/tuning/gm-coord']
const methods = {
  'plain tuning': config.plugins.filter(({ definition }) => !ONLY_IN_FULL.includes(definition.name)),
  'full method': config.plugins,
}

const started = performance.now()
if (options.worker !== undefined) {
  for (const method of Object.keys(methods)) process.send(await train(method, Number(options.worker)))
  process.disconnect()
} else await compare()

/** Runs every seed in a process of its own, and prints the table. */
async function compare() {
  console.log(`UniDiag demo on synthetic phantoms: invented images and texts, made by a generator (${availableParallelism()} cores)\n`)
  const results = []
  const waiting = [...seeds]
  const lane = async () => {
    for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) results.push(...(await inProcess(seed)))
  }
  await Promise.all(Array.from({ length: Math.min(seeds.length, availableParallelism()) }, lane))
  results.sort((a, b) => a.seed - b.seed)
  printTable(results)
  console.log(
    `\n${results.length} runs in ${seconds(performance.now() - started)}; their checkpoints, configs and events are in ${relative('.', config.out)}/<method>-<seed>/`,
  )
  const { out, example } = results.at(-1)
  console.log(`ask the model: npx unidiag predict --checkpoint ${relative('.', out)} --image ${relative('.', example.file)} --question "${example.question}"`)
}

function inProcess(seed) {
  return new Promise((resolve, reject) => {
    const found = []
    const child = fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), '--worker', String(seed)])
    child.on('message', (result) => found.push(result))
    child.on('exit', (code) => (code === 0 ? resolve(found) : reject(new Error(`the runs of seed ${seed} ended with ${code}`))))
  })
}

/** One run; prints its stages as they end. @returns the score on the test split */
async function train(method, seed) {
  const out = join(config.out, `${method.replace(' ', '-')}-${seed}`)
  const pipeline = await compose({ plugins: [...methods[method], jsonl()], seed, out, name: 'demo' })
  const steps = []
  const say = (line) => console.log(`seed ${seed}, ${method}: ${line}`)
  let score
  const follow = (event) => {
    if (event.type === 'run-start') say(`starts (${event.parameters} parameters, ${event.backend})`)
    if (event.type === 'sample-lost') say(`lost ${event.id}: ${event.reason}`)
    if (event.type === 'step') steps.push(event)
    if (event.type === 'score') score = event.score
    if (event.type === 'stage-end') {
      say(`${event.stage.padEnd(12)} ${String(event.steps).padStart(4)} steps, ${seconds(1000 * event.seconds).padStart(7)}   loss ${fall(steps)}`)
      steps.length = 0
    }
  }
  let example
  try {
    await lastValueFrom(pipeline.run().pipe(tap(follow)))
    example = await writeExample(pipeline, score.protocol, out)
  } finally {
    await pipeline.close()
  }
  say(`test         ${accuracy(score.metrics.overall)} of ${score.protocol.samples} questions`)
  return { method, seed, score, out, example }
}

/** The first phantom of the test split as a file, to ask about. */
async function writeExample(pipeline, { dataset, split }, out) {
  const { image, text } = pipeline
    .getAll(Dataset)
    .find(({ name }) => name === dataset)
    .samples(split)[0]
  const { data, width, height, channels } = image.pixels()
  const file = join(out, 'phantom.png')
  await sharp(data, { raw: { width, height, channels } }).toFile(file)
  return { file, question: text }
}

/** Means over the first and the last tenth of the steps, of the total and of each part. */
function fall(steps) {
  const tenth = Math.max(1, Math.floor(steps.length / 10))
  const mean = (of, name) => of.reduce((sum, { losses }) => sum + losses[name], 0) / of.length
  const names = Object.keys(steps[0].losses).filter((name) => name !== 'total')
  return ['total', ...(names.length > 1 ? names : [])]
    .map((name) => `${name} ${mean(steps.slice(0, tenth), name).toFixed(3)} -> ${mean(steps.slice(-tenth), name).toFixed(3)}`)
    .join(', ')
}

function printTable(results) {
  const { protocol } = results[0].score
  const { details } = protocol
  console.log(`accuracy on ${protocol.samples} test questions about new phantoms (95 % bootstrap interval); data set ${protocol.dataset}, SYNTHETIC`)
  console.log(
    `split ${protocol.split} sha256 ${protocol.splitHash.slice(0, 16)}; ${details.vocabularySize} answers from ${details.vocabularySource}; ${percent(details.unproducibleShare)} of the answers cannot be produced`,
  )
  const columns = ['overall', 'open', 'closed']
  const row = (cells) =>
    console.log(
      `  ${cells[0].padEnd(24)}${cells
        .slice(1)
        .map((cell) => cell.padEnd(26))
        .join('')}`,
    )
  row(['', ...columns])
  row(['most frequent answer', ...columns.map((name) => percent(details[`${name}MajorityAccuracy`]))])
  for (const { method, seed, score } of results) row([`${method}, seed ${seed}`, ...columns.map((name) => accuracy(score.metrics[name]))])
  const of = (method) => results.filter((result) => result.method === method).map(({ score }) => score.metrics.overall.value)
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length
  const [plain, full] = [of('plain tuning'), of('full method')]
  const gain = mean(full) - mean(plain)
  const better = full.filter((value, i) => value > plain[i]).length
  console.log(
    `\nmean over ${seeds.length} ${seeds.length === 1 ? 'seed' : 'seeds'}: plain tuning ${percent(mean(plain))}, full method ${percent(mean(full))}: ${gain >= 0 ? '+' : ''}${(100 * gain).toFixed(1)} points`,
  )
  // Two shares measured on as many questions; the questions are the same for every seed, so more seeds do not narrow it.
  const noise = 1.96 * Math.sqrt((mean(full) * (1 - mean(full)) + mean(plain) * (1 - mean(plain))) / protocol.samples)
  const seedsBetter = `${better} of ${seeds.length} ${seeds.length === 1 ? 'seed' : 'seeds'}`
  if (Math.abs(gain) <= noise)
    console.log(`no clear difference: less than the ${(100 * noise).toFixed(1)} points that chance explains (full method better in ${seedsBetter})`)
  else
    console.log(
      `the full method is ${gain > 0 ? 'better' : 'WORSE'} by more than the ${(100 * noise).toFixed(1)} points that chance explains (better in ${seedsBetter})`,
    )
}

function accuracy({ value, interval }) {
  return `${percent(value)} (${interval.map((x) => (100 * x).toFixed(1)).join(' to ')})`
}

function percent(share) {
  return `${(100 * share).toFixed(1)} %`
}

function seconds(milliseconds) {
  return `${(milliseconds / 1000).toFixed(1)} s`
}
