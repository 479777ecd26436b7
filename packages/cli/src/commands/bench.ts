import { Command } from 'commander'
import { benchStepCommand } from './bench-step.js'

export function benchCommand(): Command {
  return new Command('bench').description('Measure speed on this machine.').addCommand(benchStepCommand())
}
