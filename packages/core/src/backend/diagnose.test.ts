import { describe, expect, it } from 'vitest'
import { type Diagnosis, diagnose, NoGpu } from './diagnose.js'

const failure = (code: string, message: string) => Object.assign(new Error(message), { code })

// Messages as Node 20 and 24, tfjs-node 4.22 and glibc's loader write them.
const cases: [Diagnosis['cause'], Error, RegExp][] = [
  [
    'not-installed',
    failure('ERR_MODULE_NOT_FOUND', "Cannot find package '@tensorflow/tfjs-node' imported from /app/node_modules/@unidiag/core/dist/backend/engines.js"),
    /npm install @tensorflow\/tfjs-node/,
  ],
  [
    'binding-missing',
    new Error(
      "The Node.js native addon module (tfjs_binding.node) can not be found at path: /app/node_modules/@tensorflow/tfjs-node/lib/napi-v8/tfjs_binding.node. \nPlease run command 'npm rebuild @tensorflow/tfjs-node --build-addon-from-source' to rebuild the native addon module.",
    ),
    /npm rebuild @tensorflow\/tfjs-node/,
  ],
  ['libtensorflow-missing', failure('ERR_DLOPEN_FAILED', 'libtensorflow.so.2: cannot open shared object file: No such file or directory'), /npm rebuild/],
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
    /npm rebuild/,
  ],
  ['architecture', failure('ERR_DLOPEN_FAILED', '/app/libtensorflow.so.2: invalid ELF header'), /npm rebuild/],
  ['node-too-new', new TypeError('(0 , util_1.isNullOrUndefined) is not a function'), /Node 20/],
  ['no-gpu', new NoGpu(), /nvidia-smi/],
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

  it('takes anything that was thrown', () => {
    expect(diagnose('cpu', 'text').what).toBe('text')
  })
})
