import { compose } from '@unidiag/core/compose'
import { Sink } from '@unidiag/core/contracts/sink'
import { Stage } from '@unidiag/core/contracts/stage'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import type { Token } from '@unidiag/core/token'
import { describeImport, describeSkipped } from '@unidiag/weights/describe-import'
import { type ConvertReport, convertWeights, exportWeights } from '@unidiag/weights/export-weights'
import { importWeights } from '@unidiag/weights/import-weights'
import { detectKind, type WeightsKind, weightsKinds } from '@unidiag/weights/names'
import { openWeights } from '@unidiag/weights/read-weights'
import { Command, Option } from 'commander'
import { backendOption } from '../backend-option.js'
import { loadConfig } from '../config.js'
import { exitCodesHelp } from '../exit-codes.js'
import { checkpointFile } from '../restore.js'
import { setOption } from '../set-option.js'
import { withBackend } from '../with-plugin.js'

export function weightsCommand(): Command {
  const kind = () => new Option('--kind <system>', 'whose names the file has (default: told from the names)').choices(weightsKinds)
  const teacher = () => new Option('--teacher', 'take the averaged teacher of a UMD checkpoint in place of the student')
  const json = () => new Option('--json', 'print one JSON object')
  const file = 'safetensors, PyTorch checkpoint (zip, legacy, Lightning), TorchScript archive, pickle of numpy arrays, or the folder of a run'
  return new Command('weights')
    .description('Look into files of weights, bring them into a model, and write them for others. Nothing in a file is ever run.')
    .addCommand(
      new Command('inspect')
        .description('List what a file holds: names, types and shapes.')
        .argument('<file>', file)
        .addOption(json())
        .addHelpText(
          'after',
          `\nExamples:\n  $ unidiag weights inspect ViT-B-16.pt\n  $ unidiag weights inspect roberta-base/model.safetensors --json\n${exitCodesHelp}`,
        )
        .action(inspect),
    )
    .addCommand(
      new Command('import')
        .description('Load a file into the model of a config, and say what was loaded, resized and skipped, and what is missing.')
        .argument('<file>', file)
        .requiredOption('--config <file>', 'config whose model gets the weights; its stages are not run')
        .option('--out <file>', 'write the whole model as safetensors')
        .option('--skip <names...>', 'beginnings of parameter names that keep their values')
        .addOption(kind())
        .addOption(teacher())
        .addOption(setOption('the config'))
        .addOption(backendOption())
        .addOption(json())
        .addHelpText(
          'after',
          `\nIn a run, the plugin \`init\` does the same: - init: { files: [{ file: ./ViT-B-16.pt }] }\n\nExamples:\n  $ unidiag weights import ViT-B-16.pt --config config.yaml\n  $ unidiag weights import m3ae.ckpt --config config.yaml --skip vqa_head --out m3ae.safetensors\n${exitCodesHelp}`,
        )
        .action(importInto),
    )
    .addCommand(
      new Command('export')
        .description('Write the weights of a file as safetensors, under the names of this system or of M3AE.')
        .argument('<file>', file)
        .argument('<out>', 'safetensors file to write')
        .addOption(new Option('--names <system>', 'm3ae leaves out what M3AE and UMD do not have').choices(['unidiag', 'm3ae']).default('unidiag'))
        .addOption(kind())
        .addOption(teacher())
        .addOption(json())
        .addHelpText(
          'after',
          `\nExamples:\n  $ unidiag weights export runs/vqa-rad vqa-rad.safetensors --names m3ae\n  $ unidiag weights export ViT-B-16.pt clip.safetensors\n${exitCodesHelp}`,
        )
        .action(exportTo),
    )
}

interface Shown {
  readonly json?: boolean
}

async function inspect(path: string, { json }: Shown): Promise<void> {
  const weights = await openWeights(checkpointFile(path))
  await weights.close()
  const { file, format, entries, metadata } = weights
  const tensors = Array.from(entries, ([name, entry]) => ({ name, ...entry }))
  const kind = detectKind(entries.keys())
  const values = tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
  if (json) console.log(JSON.stringify({ file, format, kind: kind ?? null, values, tensors, metadata }, null, 2))
  else {
    const width = Math.max(0, ...tensors.map(({ name }) => name.length))
    const names = kind ? `names of ${kind}` : 'names of no known model'
    for (const { name, dtype, shape } of tensors) console.log(`${name.padEnd(width)}  ${dtype.padEnd(4)}  [${shape.join(', ')}]`)
    console.log(`${file}: ${format}, ${names}, ${tensors.length} tensors, ${values.toLocaleString('en-US')} values`)
  }
}

interface ImportOptions extends Shown {
  readonly config: string
  readonly out?: string
  readonly skip?: readonly string[]
  readonly kind?: WeightsKind
  readonly teacher?: boolean
  readonly set: readonly string[]
  readonly backend?: string
}

async function importInto(path: string, { config, out, set, backend, json, ...how }: ImportOptions): Promise<void> {
  const { plugins, seed } = await loadConfig(config, { set })
  const run = new Set<Token<unknown>>([Stage, Sink])
  const model = plugins.filter(({ definition }) => !run.has(definition.provides))
  const pipeline = await compose({ plugins: withBackend(model, backend), seed })
  try {
    const parameters = pipeline.get(ParameterStore)
    const report = await importWeights(parameters, checkpointFile(path), how)
    if (out !== undefined) await exportWeights(parameters, out)
    console.log(json ? JSON.stringify(report, null, 2) : [...describeImport(report), ...(out === undefined ? [] : [`wrote ${out}`])].join('\n'))
  } finally {
    await pipeline.close()
  }
}

interface ExportOptions extends Shown {
  readonly names: 'unidiag' | 'm3ae'
  readonly kind?: WeightsKind
  readonly teacher?: boolean
}

async function exportTo(path: string, out: string, { json, ...how }: ExportOptions): Promise<void> {
  const report = await convertWeights(checkpointFile(path), out, how)
  console.log(json ? JSON.stringify(report, null, 2) : describeExport(report))
}

function describeExport({ file, kind, written, leftOut, skipped }: ConvertReport): string {
  return [
    `wrote ${written.length} tensors to ${file} (from names of ${kind})`,
    ...leftOut.map((name) => `left out ${name}: M3AE has no such weight`),
    ...describeSkipped(skipped),
  ].join('\n')
}
