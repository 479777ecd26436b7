import { UniDiagError } from '../errors.js'
import type { BackendName } from './engines.js'

/** Why an engine does not load, and what to do about it. */
export interface Diagnosis {
  readonly cause:
    | 'not-installed'
    | 'binding-missing'
    | 'libtensorflow-missing'
    | 'libtensorflow-other'
    | 'cuda-missing'
    | 'no-gpu'
    | 'no-adapter'
    | 'software-adapter'
    | 'glibc-too-old'
    | 'node-abi'
    | 'architecture'
    | 'node-too-new'
    | 'stated'
    | 'unknown'
  /** A clause that follows the engine's name. */
  readonly what: string
  readonly fix: string
}

/** Thrown when the GPU binding works but drives no GPU. */
export class NoGpu extends Error {}
/** Thrown when WebGPU loads but there is no driver for it. */
export class NoAdapter extends Error {}
/** Thrown when WebGPU would compute on the processor and a GPU was asked for. */
export class SoftwareAdapter extends Error {}

/** What has to be installed, as npm knows it; the first is what the messages speak of. */
const packages: Record<BackendName, readonly string[]> = {
  'torch-gpu': ['@unidiag/backend-torch'],
  torch: ['@unidiag/backend-torch'],
  'tensorflow-gpu': ['@tensorflow/tfjs-node-gpu'],
  tensorflow: ['@tensorflow/tfjs-node'],
  webgpu: ['webgpu', '@tensorflow/tfjs-backend-webgpu'],
  wasm: ['@tensorflow/tfjs-backend-wasm'],
  cpu: ['@tensorflow/tfjs-backend-cpu'],
}

/** The command that gets an engine's native part. */
const installers: Partial<Record<BackendName, string>> = {
  'torch-gpu': 'unidiag backend install torch --cuda <version>',
  torch: 'unidiag backend install torch',
  'tensorflow-gpu': 'unidiag backend install tensorflow --gpu',
  tensorflow: 'unidiag backend install tensorflow',
}

/** Tells the known causes apart by the errors that Node and the binding raise. */
export function diagnose(name: BackendName, error: unknown): Diagnosis {
  const { code, message } = error instanceof Error ? (error as NodeJS.ErrnoException) : { code: undefined, message: String(error) }
  const [owner] = packages[name]
  const install = installers[name] ?? `npm install ${packages[name].join(' ')}`
  const rebuild = `Run \`${install}\``
  const fallback = 'or use the wasm backend.'

  if (error instanceof UniDiagError) return { cause: 'stated', what: error.message, fix: error.fix }
  if (error instanceof NoGpu)
    return {
      cause: 'no-gpu',
      what: 'its binding loads, but finds no GPU',
      fix: 'Check `nvidia-smi`, and CUDA_VISIBLE_DEVICES; or use the tensorflow backend.',
    }
  if (error instanceof NoAdapter)
    return {
      cause: 'no-adapter',
      what: 'there is no driver for it',
      fix: `Install the Vulkan driver of the GPU with libvulkan1; without a GPU, Mesa 25 or later (Debian: \`apt install mesa-vulkan-drivers\`, in 12 from bookworm-backports), ${fallback}`,
    }
  if (error instanceof SoftwareAdapter)
    return {
      cause: 'software-adapter',
      what: `it has no GPU here, only ${message}`,
      fix: 'Ask for it by name (`--backend webgpu`) to compute on the processor.',
    }
  const absent = packages[name].find((specifier) => message.includes(`'${specifier}'`))
  if ((code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') && absent) {
    const first = name.startsWith('torch') ? `npm install ${owner}\`, then \`${install}` : install
    return { cause: 'not-installed', what: `${absent} is not installed`, fix: `Run \`${first}\`, ${fallback}` }
  }
  if (/native addon module .*can ?not be found|Cannot find module .*tfjs_binding\.node/s.test(message))
    return {
      cause: 'binding-missing',
      what: `${owner} is installed, but its native binding was never downloaded`,
      fix: `${rebuild}, ${fallback}`,
    }
  const library = /(lib[\w.+-]+\.so[\w.]*|[\w.+-]+\.(?:dll|dylib))['"]?: cannot open shared object file|Could not load dynamic library '([^']+)'/.exec(message)
  const missing = library?.[1] ?? library?.[2]
  if (missing && /tensorflow/.test(missing))
    return { cause: 'libtensorflow-missing', what: `${missing} was never downloaded, or has gone`, fix: `${rebuild}, ${fallback}` }
  if (missing && /^lib(cu|nv)/.test(missing))
    return {
      cause: 'cuda-missing',
      what: `the CUDA library ${missing} is missing`,
      fix: `${rebuild}, which takes a TensorFlow that brings its CUDA along; or install CUDA 11.2 and cuDNN 8.1 (what libtensorflow 2.9 links to) and add them to LD_LIBRARY_PATH; or use the tensorflow backend.`,
    }
  if (/undefined symbol/.test(message))
    return { cause: 'libtensorflow-other', what: 'its binding was built for another libtensorflow', fix: `${rebuild} again, ${fallback}` }
  const glibc = /version [`'](GLIBC(?:XX)?_[\d.]+)' not found/.exec(message)
  if (glibc)
    return { cause: 'glibc-too-old', what: `this system is older than ${glibc[1]}, which its binding needs`, fix: `Use a newer system image, ${fallback}` }
  if (/NODE_MODULE_VERSION|compiled against a different Node\.js version|Module did not self-register/.test(message))
    return { cause: 'node-abi', what: `its binding was built for another version of Node than ${process.version}`, fix: `${rebuild}, ${fallback}` }
  if (/invalid ELF header|wrong ELF class|incompatible architecture|not a valid Win32/.test(message))
    return { cause: 'architecture', what: `its binding was built for another machine than ${process.platform}-${process.arch}`, fix: `${rebuild}, ${fallback}` }
  if (/\bis(NullOrUndefined|Array|String|Function)\)? is not a function/.test(message))
    return {
      cause: 'node-too-new',
      what: `it calls functions that Node ${process.version} no longer has`,
      fix: `Use Node 20 or 22, ${fallback}`,
    }
  return { cause: 'unknown', what: message.split('\n')[0], fix: `Read the cause of this error, ${fallback}` }
}
