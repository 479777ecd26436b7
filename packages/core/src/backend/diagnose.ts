import { UniDiagError } from '../errors.js'
import type { BackendName } from './engines.js'

/** Why an engine does not load, and what to do about it. */
export interface Diagnosis {
  readonly cause:
    | 'not-installed'
    | 'binding-missing'
    | 'libtensorflow-missing'
    | 'cuda-missing'
    | 'no-gpu'
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

const packages: Record<BackendName, string> = {
  'torch-gpu': '@unidiag/backend-torch',
  torch: '@unidiag/backend-torch',
  'tensorflow-gpu': '@tensorflow/tfjs-node-gpu',
  tensorflow: '@tensorflow/tfjs-node',
  wasm: '@tensorflow/tfjs-backend-wasm',
  cpu: '@tensorflow/tfjs-backend-cpu',
}

/** Tells the known causes apart by the errors that Node and the binding raise. */
export function diagnose(name: BackendName, error: unknown): Diagnosis {
  const { code, message } = error instanceof Error ? (error as NodeJS.ErrnoException) : { code: undefined, message: String(error) }
  const owner = packages[name]
  const rebuild = `Run \`npm rebuild ${owner} --build-addon-from-source\` where storage.googleapis.com can be reached`
  const fallback = 'or use the wasm backend.'

  if (error instanceof UniDiagError) return { cause: 'stated', what: error.message, fix: error.fix }
  if (error instanceof NoGpu)
    return {
      cause: 'no-gpu',
      what: 'its binding loads, but finds no GPU',
      fix: 'Check `nvidia-smi`, and CUDA_VISIBLE_DEVICES; or use the tensorflow backend.',
    }
  if ((code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') && new RegExp(`'${owner}'`).test(message))
    return { cause: 'not-installed', what: `${owner} is not installed`, fix: `Run \`npm install ${owner}\`, ${fallback}` }
  if (/native addon module .*can ?not be found|Cannot find module .*tfjs_binding\.node/s.test(message))
    return {
      cause: 'binding-missing',
      what: `${owner} is installed, but its native binding was never downloaded`,
      fix: `${rebuild} (allow its install script: pnpm asks for it in allowBuilds), ${fallback}`,
    }
  const library = /(lib[\w.+-]+\.so[\w.]*|[\w.+-]+\.(?:dll|dylib))['"]?: cannot open shared object file|Could not load dynamic library '([^']+)'/.exec(message)
  const missing = library?.[1] ?? library?.[2]
  if (missing && /tensorflow/.test(missing)) return { cause: 'libtensorflow-missing', what: `${missing} was never downloaded`, fix: `${rebuild}, ${fallback}` }
  if (missing && /^lib(cu|nv)/.test(missing))
    return {
      cause: 'cuda-missing',
      what: `the CUDA library ${missing} is missing`,
      fix: 'Install CUDA 11.2 and cuDNN 8.1 (what libtensorflow 2.9 links to) and add them to LD_LIBRARY_PATH; or use the tensorflow backend.',
    }
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
