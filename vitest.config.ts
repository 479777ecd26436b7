import { configDefaults, defineConfig } from 'vitest/config'
import { takesBackend, testFiles } from './test/takes-backend.js'

const common = {
  // tf.setBackend is process-global: one backend a process.
  pool: 'forks' as const,
  // A machine may have other work, and hooks run whole commands.
  testTimeout: 120_000,
  hookTimeout: 120_000,
  setupFiles: ['test/engine-guard.ts'],
}
const on = (name: string) => ({ ...common, name, env: { UNIDIAG_TEST_BACKEND: name } })

const computing = testFiles().filter(takesBackend)
// What has to hold on every backend, operator by operator.
const everywhere = ['packages/*/src/**/*.backends.test.ts']

export default defineConfig({
  test: {
    maxWorkers: 2,
    reporters: ['default', './scripts/report-backends.mjs'],
    projects: [
      // wasm is always there, so tests that need no engine run in this project too. Those of the packed install need the package registry, and have a config of their own.
      {
        test: { ...on('wasm'), include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'], exclude: [...configDefaults.exclude, 'test/packed/**'] },
      },
      { test: { ...on('cpu'), include: everywhere } },
      // Where UNIDIAG_TORCH says that there is a libtorch: everything that computes.
      ...(process.env.UNIDIAG_TORCH ? [{ test: { ...on('torch'), include: computing } }] : []),
      // Where UNIDIAG_WEBGPU says that WebGPU has an adapter.
      ...(process.env.UNIDIAG_WEBGPU ? [{ test: { ...on('webgpu'), include: everywhere } }] : []),
    ],
  },
})
