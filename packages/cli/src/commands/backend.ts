import { importModule } from '@unidiag/core/backend/engines'
import { UniDiagError } from '@unidiag/core/errors'
import { Command } from 'commander'
import { exitCodesHelp } from '../exit-codes.js'
import { installTensorFlow } from '../tensorflow/install.js'

/** `@unidiag/backend-torch/install`, which this package does not depend on. */
interface TorchInstaller {
  installTorch(options: { cuda?: string | undefined; say: (line: string) => void }): Promise<unknown>
}

const say = (line: string): void => console.log(line)

export function backendCommand(): Command {
  const install = new Command('install').description('Get the native part of an engine for this user, and compute with it once.')
  install
    .command('torch')
    .description('libtorch, with pip into the cache folder (~/.cache/unidiag), in a Python environment of its own.')
    .option('--cuda <version>', "for NVIDIA GPUs, by PyTorch's name of the CUDA version: cu118, cu126, cu128; for the CPU when left out", cudaVersion)
    .addHelpText(
      'after',
      `
@unidiag/backend-torch has to be installed in the project: npm install @unidiag/backend-torch.
Where pip cannot get it, the error names the system's package.

Examples:
  $ unidiag backend install torch
  $ unidiag backend install torch --cuda cu126
${exitCodesHelp}`,
    )
    .action(({ cuda }: { cuda?: string }) => installTorch(cuda))
  install
    .command('tensorflow')
    .description("TensorFlow for @tensorflow/tfjs-node in the project: its own installer, else pip's TensorFlow and a binding compiled against it.")
    .option('--gpu', 'for NVIDIA GPUs: @tensorflow/tfjs-node-gpu, and a TensorFlow that brings its CUDA along')
    .addHelpText('after', `\nExamples:\n  $ unidiag backend install tensorflow\n  $ unidiag backend install tensorflow --gpu\n${exitCodesHelp}`)
    .action(({ gpu = false }: { gpu?: boolean }) => installTensorFlow({ gpu, say }))
  return new Command('backend').description('tfjs engines; `unidiag doctor` says which of them load.').addCommand(install)
}

function cudaVersion(value: string): string {
  if (!/^cu\d+$/.test(value))
    throw new UniDiagError('OPTION_INVALID', `--cuda ${value}: expected PyTorch's name of a CUDA version`, { fix: 'For example --cuda cu126.' })
  return value
}

async function installTorch(cuda: string | undefined): Promise<void> {
  let installer: TorchInstaller
  try {
    installer = (await importModule('@unidiag/backend-torch/install')) as TorchInstaller
  } catch (cause) {
    throw new UniDiagError('BACKEND_UNAVAILABLE', '@unidiag/backend-torch is not installed in this project', {
      fix: 'Run `npm install @unidiag/backend-torch` here, then this again.',
      cause,
    })
  }
  await installer.installTorch({ cuda, say })
}
