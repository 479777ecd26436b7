import { describe, expect, it } from 'vitest'
import { type Diagnosis, diagnose, NoAdapter, NoGpu, SoftwareAdapter } from './diagnose.js'

const failure = (code: string, message: string) => Object.assign(new Error(message), { code })

// Messages as Node 20 and 24, tfjs-node 4.22 and glibc's loader write them.
const cases: [Diagnosis['cause'], Error, RegExp][] = [
  [
    'not-installed',
    failure('ERR_MODULE_NOT_FOUND', "Cannot find package '@tensorflow/tfjs-node' imported from /app/node_modules/@unidiag/core/dist/backend/engines.js"),
    /unidiag backend install tensorflow`/,
  ],
  [
    'binding-missing',
    new Error(
      "The Node.js native addon module (tfjs_binding.node) can not be found at path: /app/node_modules/@tensorflow/tfjs-node/lib/napi-v8/tfjs_binding.node. \nPlease run command 'npm rebuild @tensorflow/tfjs-node --build-addon-from-source' to rebuild the native addon module.",
    ),
    /unidiag backend install tensorflow`/,
  ],
  [
    'libtensorflow-missing',
    failure('ERR_DLOPEN_FAILED', 'libtensorflow.so.2: cannot open shared object file: No such file or directory'),
    /unidiag backend install tensorflow`/,
  ],
  ['cuda-missing', failure('ERR_DLOPEN_FAILED', 'libcudart.so.11.0: cannot open shared object file: No such file or directory'), /CUDA 11\.2/],
  ['cuda-missing', failure('ERR_DLOPEN_FAILED', 'libcudnn.so.8: cannot open shared object file: No such file or directory'), /cuDNN/],
  [
    'glibc-too-old',
    failure('ERR_DLOPEN_FAILED', "/lib/x86_64-linux-gnu/libm.so.6: version `GLIBC_2.29' not found (required by /app/libtensorflow.so.2)"),
    /newer system/,
  ],
  [
    'node-abi',
    failure(
      'ERR_DLOPEN_FAILED',
      "The module 'tfjs_binding.node'\nwas compiled against a different Node.js version using\nNODE_MODULE_VERSION 93. This version of Node.js requires\nNODE_MODULE_VERSION 115.",
    ),
    /unidiag backend install tensorflow`/,
  ],
  ['architecture', failure('ERR_DLOPEN_FAILED', '/app/libtensorflow.so.2: invalid ELF header'), /unidiag backend install tensorflow`/],
  ['node-too-new', new TypeError('(0 , util_1.isNullOrUndefined) is not a function'), /Node 20/],
  ['libtensorflow-other', failure('ERR_DLOPEN_FAILED', '/app/tfjs_binding.node: undefined symbol: TFE_NewOp'), /again/],
  ['no-gpu', new NoGpu(), /nvidia-smi/],
  ['no-adapter', new NoAdapter(), /mesa-vulkan-drivers/],
  ['software-adapter', new SoftwareAdapter('llvmpipe'), /--backend webgpu/],
  ['unknown', failure('ERR_MODULE_NOT_FOUND', "Cannot find package 'progress' imported from /app/node_modules/@tensorflow/tfjs-node/dist/index.js"), /wasm/],
  ['unknown', new Error('something else\nat length'), /wasm/],
]

describe('diagnose', () => {
  it.each(cases)('%s: %s', (cause, error, fix) => {
    const found = diagnose('tensorflow', error)
    expect(found.cause).toBe(cause)
    expect(found.fix).toMatch(fix)
    expect(found.what).not.toContain('\n')
  })

  it('names what is missing', () => {
    expect(diagnose('tensorflow-gpu', cases[3][1]).what).toContain('libcudart.so.11.0')
    expect(diagnose('tensorflow-gpu', cases[5][1]).what).toContain('GLIBC_2.29')
  })

  it('says which package is not installed, and what gets it with its native part', () => {
    const missing = (specifier: string) => failure('ERR_MODULE_NOT_FOUND', `Cannot find package '${specifier}' imported from here`)
    expect(diagnose('webgpu', missing('@tensorflow/tfjs-backend-webgpu')).what).toBe('@tensorflow/tfjs-backend-webgpu is not installed')
    expect(diagnose('webgpu', missing('webgpu')).fix).toContain('npm install webgpu @tensorflow/tfjs-backend-webgpu')
    expect(diagnose('torch', missing('@unidiag/backend-torch')).fix).toContain('npm install @unidiag/backend-torch`, then `unidiag backend install torch`')
  })

  it('takes anything that was thrown', () => {
    expect(diagnose('cpu', 'text').what).toBe('text')
  })
})
