import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { CommandFailed, runShown } from '@unidiag/core/cache/run-shown'
import { UniDiagError } from '@unidiag/core/errors'
import type { TfjsNode } from './package.js'
import type { TensorFlow } from './wheel.js'

/** Compiles the package's own binding against a TensorFlow, which it then loads from where that lies. @throws UniDiagError BACKEND_UNAVAILABLE */
export async function compileBinding({ folder, binding }: TfjsNode, tensorflow: TensorFlow): Promise<void> {
  const headers = createRequire(import.meta.url)('node-api-headers').include_dir as string
  // Compiled under another name, so that a killed compiler leaves no binding.
  const part = `${binding}.part-${process.pid}`
  mkdirSync(dirname(binding), { recursive: true })
  try {
    await runShown(process.env.CXX || 'g++', [
      ...['-std=c++17', '-O2', '-w', '-fPIC', '-shared', '-DNAPI_VERSION=8'],
      ...[`-I${headers}`, `-I${dirname(folder)}`, `-I${join(tensorflow.folder, 'include')}`],
      ...['tfjs_backend.cc', 'tfjs_binding.cc'].map((file) => join(folder, 'binding', file)),
      ...[`-L${tensorflow.folder}`, `-Wl,-rpath,${tensorflow.folder}`, '-l:libtensorflow_cc.so.2', '-l:libtensorflow_framework.so.2'],
      ...['-o', part],
    ])
    renameSync(part, binding)
  } catch (cause) {
    if (!(cause instanceof CommandFailed)) throw cause
    throw cause.code === 'ENOENT'
      ? new UniDiagError('BACKEND_UNAVAILABLE', 'there is no C++ compiler (g++)', {
          fix: 'Install one (Debian: `apt install g++`) or set CXX, then run this again.',
          cause,
        })
      : new UniDiagError('BACKEND_UNAVAILABLE', `the binding does not compile against TensorFlow ${tensorflow.version}: ${cause.message}`, {
          fix: 'Use a compiler with C++17 (g++ 9 or later), then run this again.',
          cause,
        })
  } finally {
    rmSync(part, { force: true })
  }
}
