import { defineConfig } from 'vitest/config'

const common = {
  // tf.setBackend is process-global: one backend a process.
  pool: 'forks' as const,
  testTimeout: 60_000,
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
    ],
  },
})
