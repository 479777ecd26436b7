// The dependency arrows of ARCHITECTURE.md: core needs no package of ours, plugin packages only core, the command may need all.
// Imports of what a package.json does not name are refused by pnpm's layout and by knip, so the manifests are what has to be checked.
import { readdirSync, readFileSync } from 'node:fs'

const allowed = {
  core: [],
  'backend-torch': ['core'],
  encoders: ['core'],
  pretrain: ['core'],
  tuning: ['core'],
  tasks: ['core'],
  datasets: ['core'],
  weights: ['core'],
  testing: ['core'],
  cli: ['core', 'encoders', 'pretrain', 'tuning', 'tasks', 'datasets', 'weights'],
}

let wrong = 0
for (const name of readdirSync('packages')) {
  const { dependencies = {}, peerDependencies = {}, devDependencies = {} } = JSON.parse(readFileSync(`packages/${name}/package.json`, 'utf8'))
  // The contract suites are for tests, so any package may have them as a development dependency.
  const ours = Object.keys({ ...dependencies, ...peerDependencies, ...devDependencies }).filter(
    (d) => d.startsWith('@unidiag/') && !(d === '@unidiag/testing' && d in devDependencies),
  )
  for (const dependency of ours) {
    if (allowed[name]?.includes(dependency.slice('@unidiag/'.length))) continue
    console.error(`packages/${name} must not depend on ${dependency} (allowed: ${allowed[name]?.join(', ') || 'none'})`)
    wrong++
  }
}
process.exit(wrong > 0 ? 1 : 0)
