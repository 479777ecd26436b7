import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
    // tf.setBackend is process-global: one backend a process.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
  },
})
