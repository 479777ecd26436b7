// Installs and builds what is missing; every other script calls it. Needs only Node and npm.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'

process.chdir(new URL('..', import.meta.url).pathname)
process.env.TURBO_TELEMETRY_DISABLED = '1'

function sh(command, args) {
  const { status } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], shell: process.platform === 'win32' })
  if (status !== 0) {
    console.error(`\nset-up stopped: \`${command} ${args.join(' ')}\` ended with ${status}`)
    process.exit(status ?? 1)
  }
}

const { packageManager } = JSON.parse(readFileSync('package.json', 'utf8'))
/** turbo looks for the package manager on PATH too, so both run with it. */
const withPnpm = (...command) => sh('npm', ['exec', '--yes', '--loglevel=error', `--package=${packageManager}`, '--', ...command])

const installed = 'node_modules/.modules.yaml'
if (!existsSync(installed) || statSync(installed).mtimeMs < statSync('pnpm-lock.yaml').mtimeMs) {
  console.log('installing dependencies')
  withPnpm('pnpm', 'install', '--frozen-lockfile', '--reporter=append-only', '--loglevel=warn')
}
withPnpm('turbo', 'run', 'build', '--output-logs=errors-only', '--no-update-notifier')
