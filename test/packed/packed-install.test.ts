import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = new URL('../..', import.meta.url).pathname
const folder = mkdtempSync(join(tmpdir(), 'packed-install-'))
// Without the folders that pnpm's launcher of vitest puts into NODE_PATH: they would lead back into this repository.
const { NODE_PATH: _, ...env } = process.env
const run = (command: string, args: readonly string[], cwd: string) =>
  execFileSync(command, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })

describe('three packages, packed and installed alone', () => {
  beforeAll(() => {
    const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    for (const name of ['core', 'encoders', 'tasks'])
      run('npm', ['exec', '--yes', `--package=${packageManager}`, '--', 'pnpm', 'pack', '--pack-destination', folder], join(root, 'packages', name))
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'third-party', private: true, type: 'module' }))
    const tarballs = readdirSync(folder).filter((file) => file.endsWith('.tgz'))
    run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', ...tarballs.map((file) => `./${file}`)], folder)
    cpSync(join(root, 'test/packed/third-party.mjs'), join(folder, 'third-party.mjs'))
  })

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('installs nothing of ours but what was asked for', () => {
    expect(readdirSync(join(folder, 'node_modules/@unidiag')).sort()).toEqual(['core', 'encoders', 'tasks'])
  })

  it('trains ten steps with a loss defined there', () => {
    const losses = JSON.parse(run('node', ['third-party.mjs'], folder).trim().split('\n').at(-1)!)
    expect(losses).toHaveLength(10)
    expect(losses.every(({ agreement, vqa, total }: Record<string, number>) => Math.abs(agreement + vqa - total) < 1e-4 && agreement > 0)).toBe(true)
    expect(losses[9].total).toBeLessThan(losses[0].total)
  })
})
