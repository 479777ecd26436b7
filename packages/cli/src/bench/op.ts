import { add, engine, tensor } from '@tensorflow/tfjs-core'
import { type BackendName, importModule } from '@unidiag/core/backend/engines'
import { startBackend } from '@unidiag/core/backend/start'
import { median } from './median.js'
import { runSelf } from './run-json.js'

/** What a process measured of its engine, microseconds. */
export interface OpCost {
  readonly backend: string
  /** An add of two `[2, 2]` tensors through tfjs, and the disposal of its result. */
  readonly add: number
  /** The same operator called through the addon, without tfjs; torch only. */
  readonly call?: number
}

/** Medians of the turns. */
export interface OpBench {
  readonly backend: string
  readonly calls: number
  readonly turns: number
  readonly addMicroseconds: number
  readonly callMicroseconds?: number
  /** What the add costs on wasm in the same run, and how many times that it costs on the backend. */
  readonly wasmMicroseconds?: number
  readonly ratio?: number
}

const PASSES = 5
const FLOAT = 6

/** What is used of @unidiag/backend-torch/aten. */
interface Aten {
  theAddon(): {
    operator(name: string, overload: string): number
    upload(values: Float32Array, shape: readonly number[], dtype: number): number
    call(operator: number, ...handles: number[]): number
    release(handle: number): void
  }
}

/** Times a tiny add on one engine. To be run in a process of its own: what other engines ran before changes what the compiler makes of tfjs. */
export async function timeOp(name: BackendName | 'auto', calls: number): Promise<OpCost> {
  const { name: backend } = await startBackend(name, { threads: 1 })
  const x = tensor([1, 2, 3, 4], [2, 2])
  const cost = { backend, add: microseconds(calls, () => add(x, x).dispose()) }
  x.dispose()
  return engine().backendName === 'torch' ? { ...cost, call: await timeCall(calls) } : cost
}

async function timeCall(calls: number): Promise<number> {
  const addon = ((await importModule('@unidiag/backend-torch/aten')) as Aten).theAddon()
  const operator = addon.operator('aten::add', 'Tensor')
  const x = addon.upload(Float32Array.of(1, 2, 3, 4), [2, 2], FLOAT)
  const cost = microseconds(calls, () => addon.release(addon.call(operator, x, x)))
  addon.release(x)
  return cost
}

/** The median of some passes, after one that the compiler needs. */
function microseconds(calls: number, f: () => void): number {
  const passes = Array.from({ length: PASSES + 1 }, () => {
    const began = performance.now()
    for (let i = 0; i < calls; i++) f()
    return ((performance.now() - began) / calls) * 1000
  })
  return median(passes.slice(1))
}

/** The engine and wasm in turns, each turn in a process of its own. */
export async function benchOp(
  { backend, calls, turns }: { readonly backend: string; readonly calls: number; readonly turns: number },
  run: <T>(args: readonly string[]) => Promise<T> = runSelf,
): Promise<OpBench> {
  const alone = (name: string): Promise<OpCost> => run(['bench', 'op', '--alone', '--backend', name, '--calls', String(calls), '--json'])
  const [ours, wasm]: [OpCost[], OpCost[]] = [[], []]
  for (let turn = 0; turn < turns; turn++) {
    ours.push(await alone(backend))
    if (ours[0].backend !== 'wasm') wasm.push(await alone('wasm'))
  }
  const addMicroseconds = median(ours.map(({ add }) => add))
  const wasmMicroseconds = wasm.length > 0 ? median(wasm.map(({ add }) => add)) : undefined
  const boxed = ours.flatMap(({ call }) => call ?? [])
  return {
    backend: ours[0].backend,
    calls,
    turns,
    addMicroseconds,
    ...(boxed.length > 0 && { callMicroseconds: median(boxed) }),
    ...(wasmMicroseconds !== undefined && { wasmMicroseconds, ratio: addMicroseconds / wasmMicroseconds }),
  }
}
