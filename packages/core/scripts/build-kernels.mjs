// Compiles the AssemblyScript kernels of the wasm backend into dist/backend/wasm-binary.js.
import { writeFile } from 'node:fs/promises'
import asc from 'assemblyscript/asc'

process.chdir(new URL('..', import.meta.url).pathname)
let binary
const { error, stderr } = await asc.main(
  [
    'kernels/index.ts',
    '--outFile',
    'kernels.wasm',
    '-O3',
    '--noAssert',
    '--runtime',
    'stub',
    '--importMemory',
    '--enable',
    'simd',
    '--use',
    'abort=',
    '--disableWarning',
    '112',
  ],
  {
    writeFile(name, contents) {
      if (name.endsWith('.wasm')) binary = contents
    },
  },
)
if (error) {
  console.error(stderr.toString())
  process.exit(1)
}
// The module shares the memory of tfjs's: static data of its own would overwrite what lies there.
if (sections(binary).includes(11)) {
  console.error('the kernels contain static data (Math functions and strings do)')
  process.exit(1)
}
await writeFile(
  new URL('../dist/backend/wasm-binary.js', import.meta.url),
  `export const wasmBinary = Buffer.from('${Buffer.from(binary).toString('base64')}', 'base64')\n`,
)

/** Ids of the sections of a wasm module. */
function sections(bytes) {
  const ids = []
  for (let at = 8; at < bytes.length; ) {
    ids.push(bytes[at++])
    let size = 0
    for (let shift = 0; ; shift += 7) {
      size |= (bytes[at] & 127) << shift
      if (bytes[at++] < 128) break
    }
    at += size
  }
  return ids
}
