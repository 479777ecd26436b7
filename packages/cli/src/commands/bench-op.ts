import type { BackendName } from '@unidiag/core/backend/engines'
import { Command } from 'commander'
import { backendOption } from '../backend-option.js'
import { benchOp, type OpBench, timeOp } from '../bench/op.js'
import { exitCodesHelp } from '../exit-codes.js'
import { count } from './bench-step.js'

interface Options {
  readonly backend?: BackendName | 'auto'
  readonly calls: number
  readonly turns: number
  readonly alone?: boolean
  readonly json?: boolean
}

export function benchOpCommand(): Command {
  return new Command('op')
    .description('Time what calling an operator costs: an add of two tiny tensors, on a backend and on wasm, in turns, each in a process of its own.')
    .addOption(backendOption())
    .option('--calls <n>', 'adds of a pass; the median of five passes counts', count, 20_000)
    .option('--turns <n>', 'how often each has its turn', count, 5)
    .option('--alone', 'in this process, once, without wasm')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  $ unidiag bench op
  $ unidiag bench op --backend torch --turns 9 --json
${exitCodesHelp}`,
    )
    .action(async ({ backend = 'auto', calls, turns, alone, json }: Options) => {
      if (alone) {
        const { backend: name, add, call } = await timeOp(backend, calls)
        if (json) console.log(JSON.stringify({ backend: name, add, call }))
        else console.log(describe({ backend: name, calls, turns: 1, addMicroseconds: add, ...(call !== undefined && { callMicroseconds: call }) }))
        return
      }
      const result = await benchOp({ backend, calls, turns })
      console.log(json ? JSON.stringify(result) : describe(result))
    })
}

const us = (microseconds: number): string => `${microseconds.toFixed(2).padStart(8)} us`

function describe({ backend, calls, turns, addMicroseconds, callMicroseconds, wasmMicroseconds, ratio }: OpBench): string {
  const add = (name: string): string => `  add of two [2, 2] tensors on ${name}`.padEnd(44)
  return [
    `cost of an operator: medians of ${turns} turns of ${calls} calls`,
    `${add(backend)}${us(addMicroseconds)}`,
    ...(callMicroseconds === undefined ? [] : [`${'  of that, the operator itself'.padEnd(44)}${us(callMicroseconds)}`]),
    ...(wasmMicroseconds === undefined ? [] : [`${add('wasm')}${us(wasmMicroseconds)}`]),
    ...(ratio === undefined ? [] : [`  ratio, ${backend} over wasm: ${ratio.toFixed(2)}`]),
  ].join('\n')
}
