// Types, lint, dependency arrows and unused code; every check runs, then the exit status tells.
import { spawnSync } from 'node:child_process'

const checks = {
  types: ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'],
  lint: ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings'],
  arrows: ['scripts/check-arrows.mjs'],
  unused: ['node_modules/knip/bin/knip.js'],
}

const failed = Object.entries(checks).filter(([name, command]) => {
  const { status } = spawnSync(process.execPath, command, { stdio: 'inherit' })
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name}`)
  return status !== 0
})
process.exit(failed.length > 0 ? 1 : 0)
