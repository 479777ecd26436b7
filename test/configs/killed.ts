import { defineConfig } from '@unidiag/cli/config'
import wholeMethod from './whole-method.json' with { type: 'json' }

/** The whole method with a checkpoint after every step, in a process that can be killed. */
export default defineConfig({
  ...wholeMethod,
  plugins: [
    ...wholeMethod.plugins.map((plugin) =>
      typeof plugin === 'string'
        ? plugin
        : Object.fromEntries(Object.entries(plugin).map(([entry, options]) => [entry, 'batchSize' in options ? { ...options, checkpointEvery: 1 } : options])),
    ),
    './kill-switch.ts',
  ],
})
