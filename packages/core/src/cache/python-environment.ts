import { join } from 'node:path'
import { CommandFailed, runShown } from './run-shown.js'

/** Why pip could not get a package: `python` is missing or makes no environments, or `pip` failed. */
export class NoPackage extends Error {
  readonly missing: 'python' | 'pip'

  constructor(missing: 'python' | 'pip', cause: CommandFailed) {
    // pip's warnings are many, and tell of every retry.
    const said = cause.message.split('\n').filter((line) => line.startsWith('ERROR: '))
    const why = said.length > 0 ? said.join(' ') : cause.message
    super(missing === 'python' ? `Python makes no environment to get it with (${why})` : `pip does not get it (${why})`, { cause })
    this.missing = missing
  }
}

/**
 * Makes a Python environment of its own in a folder and installs packages into it; nothing of the system or the user is changed.
 * @param requirements as pip takes them, options included @throws NoPackage
 */
export async function installPythonPackages(folder: string, requirements: readonly string[]): Promise<void> {
  try {
    await runShown('python3', ['-m', 'venv', folder])
  } catch (error) {
    throw error instanceof CommandFailed ? new NoPackage('python', error) : error
  }
  try {
    // A network that refuses everything is told soon; what pip is configured with (a mirror, a proxy) holds.
    await runShown(join(folder, 'bin/python'), ['-m', 'pip', 'install', '--no-input', '--disable-pip-version-check', '--retries', '1', ...requirements])
  } catch (error) {
    throw error instanceof CommandFailed ? new NoPackage('pip', error) : error
  }
}
