import { defineConfig } from 'vitest/config'

// Apart from the other tests because it needs the package registry.
export default defineConfig({ test: { include: ['test/packed/*.test.ts'], testTimeout: 300_000, hookTimeout: 300_000 } })
