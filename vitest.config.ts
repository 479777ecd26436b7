import { configDefaults, defineConfig } from 'vitest/config'

const common = {
  // tf.setBackend is process-global: one backend a process.
  pool: 'forks' as const,
  // A machine may have other work, and hooks run whole commands.
  testTimeout: 120_000,
  hookTimeout: 120_000,
}

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        test: {
          ...common,
          name: 'wasm',
          include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
          // It needs the package registry, and has a config of its own.
          exclude: [...configDefaults.exclude, 'test/packed/**'],
          env: { UNIDIAG_TEST_BACKEND: 'wasm' },
        },
      },
      // What has to hold on every backend runs again on the others.
      {
        test: { ...common, name: 'cpu', include: ['packages/*/src/**/*.backends.test.ts'], env: { UNIDIAG_TEST_BACKEND: 'cpu' } },
      },
      // Where UNIDIAG_TORCH says that there is a libtorch.
      ...(process.env.UNIDIAG_TORCH
        ? [{ test: { ...common, name: 'torch', include: ['packages/*/src/**/*.backends.test.ts'], env: { UNIDIAG_TEST_BACKEND: 'torch' } } }]
        : []),
      // Where UNIDIAG_WEBGPU says that WebGPU has an adapter.
      ...(process.env.UNIDIAG_WEBGPU
        ? [{ test: { ...common, name: 'webgpu', include: ['packages/*/src/**/*.backends.test.ts'], env: { UNIDIAG_TEST_BACKEND: 'webgpu' } } }]
        : []),
    ],
  },
})
