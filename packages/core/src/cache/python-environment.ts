import { join } from 'node:path'
import { CommandFailed, runShown } from './run-shown.js'

/** Why pip could not get a package: `python` is missing or makes no environments, or `pip` failed. */
export class NoPackage extends Error {
  readonly missing: 'python' | 'pip'

  constructor(missing: 'python' | 'pip', cause: CommandFailed) {
    super(missing === 'python' ? `Python makes no environment to get it with (${cause.message})` : `pip does not get it (${cause.message})`, { cause })
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
