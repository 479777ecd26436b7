import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Versions of Node and of the packages that plugin entries belong to; a package that is not installed as such is left out. */
export function versionsOf(entries: readonly string[]): Record<string, string> {
  const versions: Record<string, string> = { node: process.versions.node }
  for (const name of new Set(['@unidiag/core', '@tensorflow/tfjs-core', ...entries.map(packageOf)])) {
    const version = findVersion(name)
    if (version !== undefined) versions[name] = version
  }
  return versions
}

/** `@scope/package/entry` or `package/entry` */
const packageOf = (entry: string): string =>
  entry
    .split('/')
    .slice(0, entry.startsWith('@') ? 2 : 1)
    .join('/')

/** Looks where an import from here, from the program or from the working directory would. */
function findVersion(name: string): string | undefined {
  const here = dirname(fileURLToPath(import.meta.url))
  const starts = [here, ...(process.argv[1] ? [dirname(process.argv[1])] : []), process.cwd()]
  for (const start of starts)
    for (let folder = start; ; folder = dirname(folder)) {
      const version = readVersion(join(folder, 'node_modules', name, 'package.json'), name) ?? readVersion(join(folder, 'package.json'), name)
      if (version !== undefined) return version
      if (dirname(folder) === folder) break
    }
  return undefined
}

function readVersion(file: string, name: string): string | undefined {
  try {
    const json = JSON.parse(readFileSync(file, 'utf8')) as { name?: unknown; version?: unknown }
    return json.name === name && typeof json.version === 'string' ? json.version : undefined
  } catch {
    return undefined
  }
}
