import { Command } from 'commander'
import { benchDataCommand } from './bench-data.js'
import { benchOpCommand } from './bench-op.js'
import { benchScaleCommand } from './bench-scale.js'
import { benchStepCommand } from './bench-step.js'

export function benchCommand(): Command {
  return new Command('bench')
    .description('Measure speed on this machine.')
    .addCommand(benchStepCommand())
    .addCommand(benchOpCommand())
    .addCommand(benchDataCommand())
    .addCommand(benchScaleCommand())
}
