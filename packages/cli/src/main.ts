import { CommanderError } from 'commander'
import { exitCodeOf } from './exit-codes.js'
import { makeProgram } from './program.js'
import { describeError } from './report-error.js'

const program = makeProgram()
// `unidiag ... | head` closes the pipe: nobody is left to read.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 3))
try {
  await program.parseAsync()
} catch (error) {
  // commander has already printed what it found.
  if (!(error instanceof CommanderError)) console.error(describeError(error, Boolean(program.opts().verbose || process.env.DEBUG)))
  process.exitCode = exitCodeOf(error)
}
