import { readdirSync, readFileSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const packages = readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name))

const importsFrom = (folder: string) => createRequire(pathToFileURL(join(folder, 'package.json')))

/** The file that `name` means in a folder, if it means one. */
function resolved(name: string, folder: string): string | undefined {
  try {
    return realpathSync(importsFrom(folder).resolve(name))
  } catch {
    return undefined
  }
}

function manifest(folder: string): Record<string, Record<string, string> | undefined> {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
}

// The kernels and the engine of tfjs are global to a process, and tokens are told apart by identity: a second copy sees nothing of the first.
describe.each(['@tensorflow/tfjs-core', '@unidiag/core/token', 'zod', 'rxjs'])('%s', (name) => {
  it('is one file for every package that imports it', () => {
    const found = packages.map((folder) => resolved(name, folder)).filter((file) => file !== undefined)
    expect(found.length).toBeGreaterThan(0)
    expect([...new Set([...found, resolved(name, root)])]).toHaveLength(1)
  })

  it('is found by every package that names it', () => {
    const wanted = name === '@unidiag/core/token' ? '@unidiag/core' : name
    const naming = packages.filter((folder) => {
      const { dependencies, peerDependencies } = manifest(folder)
      return wanted in { ...dependencies, ...peerDependencies }
    })
    expect(naming.length).toBeGreaterThan(0)
    expect(naming.filter((folder) => resolved(name, folder) === undefined)).toEqual([])
  })
})

describe('the engines of tfjs', () => {
  it.each(['@tensorflow/tfjs-backend-wasm', '@tensorflow/tfjs-backend-cpu'])('%s works on the same tfjs-core', (engine) => {
    const file = resolved(engine, join(root, 'packages/core'))
    if (file === undefined) expect.fail(`${engine} is not installed`)
    expect(resolved('@tensorflow/tfjs-core', dirname(dirname(file)))).toBe(resolved('@tensorflow/tfjs-core', join(root, 'packages/core')))
  })
})
