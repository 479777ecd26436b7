// What a tiny add costs: the boxed call itself, and through tfjs on torch and on wasm in turns.
//   node scripts/bench-dispatch.mjs
import { add, setBackend, tensor } from '@tensorflow/tfjs-core'
import '@tensorflow/tfjs-backend-wasm'
import { theAddon } from '../dist/aten.js'
import { startTorch } from '../dist/backend.js'

const CALLS = 50_000
const TURNS = 9

function microseconds(f) {
  const start = performance.now()
  for (let i = 0; i < CALLS; i++) f()
  return ((performance.now() - start) / CALLS) * 1e3
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

const { torch } = await startTorch({ threads: 1 })
const addon = theAddon()
const operator = addon.operator('aten::add', 'Tensor')
const handle = addon.upload(Float32Array.of(1, 2, 3, 4), [2, 2], 6)
const times = { call: [], torch: [], wasm: [] }
for (let turn = 0; turn < TURNS; turn++) {
  times.call.push(microseconds(() => addon.release(addon.call(operator, handle, handle))))
  for (const name of ['torch', 'wasm']) {
    await setBackend(name)
    const x = tensor([1, 2, 3, 4], [2, 2])
    add(x, x).dispose()
    times[name].push(microseconds(() => add(x, x).dispose()))
    x.dispose()
  }
}
const [call, onTorch, onWasm] = [median(times.call), median(times.torch), median(times.wasm)]
const rounded = (x) => Number(x.toFixed(3))
console.log(
  JSON.stringify({
    libtorch: torch.version,
    callMicroseconds: rounded(call),
    torch: rounded(onTorch),
    wasm: rounded(onWasm),
    ratio: rounded(onTorch / onWasm),
  }),
)
process.exit(0)
