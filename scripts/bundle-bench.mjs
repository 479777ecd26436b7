// Puts everything that bench/gpu.sh needs on a machine without Node and network into one folder:
//   node scripts/bundle-bench.mjs <folder> [shared folder]
// There, the folder is all that is needed: `sh <folder>/gpu.sh`.
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { rolldown } from 'rolldown'

const root = fileURLToPath(new URL('..', import.meta.url))
const [folder, shared = join(root, '../shared')] = process.argv.slice(2)
if (folder === undefined) {
  console.error('usage: node scripts/bundle-bench.mjs <folder> [shared folder]')
  process.exit(2)
}
const out = resolve(folder)
const cli = join(root, 'packages/cli/dist')
const torch = join(root, 'packages/backend-torch')

// What does not run there, because it is native or reads files of the package, is left out: config files, data sets and encoded images.
const replaced = {
  sharp: 'export default () => { throw new Error("images cannot be decoded here") }',
  [join(cli, 'program.js')]: `
    import { Command } from 'commander'
    import { benchStepCommand } from ${JSON.stringify(join(cli, 'commands/bench-step.js'))}
    import { parityCommand } from ${JSON.stringify(join(cli, 'commands/parity.js'))}
    export const makeProgram = () =>
      new Command('unidiag').option('--verbose').addCommand(parityCommand()).addCommand(new Command('bench').addCommand(benchStepCommand()))`,
}

const plugin = {
  name: 'bench',
  resolveId: (id, from) => [id, from && resolve(dirname(from), id)].find((name) => name in replaced),
  load: (id) => replaced[id],
  transform(code, id) {
    if (id !== join(root, 'packages/core/dist/backend/engines.js')) return
    // A bundler follows names that are written out. Every other engine fails to load, and says so.
    const changed = code.replace(
      'await import(specifier)',
      `await (specifier === '@unidiag/backend-torch/backend' ? import('${torch}/dist/backend.js') : import(specifier))`,
    )
    if (changed === code) throw new Error('packages/core/src/backend/engines.ts imports engines in another way: change this script')
    return changed
  },
}

async function bundle(input, file) {
  const build = await rolldown({ input, platform: 'node', plugins: [plugin], logLevel: 'silent' })
  await build.write({ file: join(out, file), format: 'esm', minify: true, codeSplitting: false })
  await build.close()
}

rmSync(out, { recursive: true, force: true })
await bundle(join(cli, 'main.js'), 'dist/unidiag.js')
// The thread that resizes images is found by its name.
await bundle(join(root, 'packages/datasets/dist/image-worker.js'), 'node_modules/@unidiag/datasets/image-worker.js')
writeFileSync(join(out, 'package.json'), '{ "type": "module" }\n')
cpSync(join(torch, 'native'), join(out, 'native'), { recursive: true })
const headers = dirname(createRequire(join(torch, 'package.json')).resolve('node-api-headers'))
cpSync(headers, join(out, 'node_modules/node-api-headers'), { recursive: true })
for (const name of ['gpu.sh', 'torch_gpu.py']) cpSync(join(root, 'bench', name), join(out, name))
for (const name of ['parity', 'bench']) cpSync(join(shared, name), join(out, name), { recursive: true })
writeFileSync(join(out, 'node.gz'), gzipSync(readFileSync(process.execPath), { level: 9 }))

const files = readdirSync(out, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
const bytes = files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0)
console.log(`${out}: ${files.length} files, ${(bytes / 2 ** 20).toFixed(1)} MiB`)
