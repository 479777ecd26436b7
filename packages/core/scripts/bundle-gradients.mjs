// tfjs-core ships its gradient functions only as extensionless ESM that Node cannot load, and its Node build leaves them out.
// Bundled once here; the copies of tfjs inside share the process-wide engine and registries.
import { createRequire } from 'node:module'
import { rolldown } from 'rolldown'

const require = createRequire(import.meta.url)
const entry = require.resolve('@tensorflow/tfjs-core/dist/register_all_gradients.js')
const bundle = await rolldown({ input: entry, platform: 'node', logLevel: 'silent' })
await bundle.write({ file: new URL('../dist/backend/tfjs-gradients.js', import.meta.url).pathname, format: 'esm' })
await bundle.close()
