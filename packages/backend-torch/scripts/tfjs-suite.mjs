// The entry that is bundled: one copy of tfjs-core, its published tests and the backend, which resolve it differently otherwise.
import '@tensorflow/tfjs-core/dist/index'
import '@tensorflow/tfjs-core/dist/register_all_gradients'
import { registerBackend } from '@tensorflow/tfjs-core/dist/index'
import { setTestEnvs } from '@tensorflow/tfjs-core/dist/jasmine_util'
import { useAddon } from '../dist/aten.js'
import { registerKernels } from '../dist/register.js'
import { TorchBackend } from '../dist/torch-backend.js'

/** Defines all of tfjs-core's specs for the torch backend. */
export async function defineSpecs(addon, { device, threads }) {
  useAddon(addon)
  if (device !== undefined) addon.device(device)
  if (threads !== undefined) addon.threads(threads)
  registerKernels()
  registerBackend('torch', () => new TorchBackend(), 1)
  setTestEnvs([{ name: 'torch', backendName: 'torch', isDataSync: true }])
  await import('@tensorflow/tfjs-core/dist/tests')
}
