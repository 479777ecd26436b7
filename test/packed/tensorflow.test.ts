import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeShared } from '@unidiag/testing/shared'
import { afterAll, beforeAll, expect, it } from 'vitest'

const root = new URL('../..', import.meta.url).pathname
const folder = mkdtempSync(join(tmpdir(), 'packed-tensorflow-'))
// Without the folders that pnpm's launcher of vitest puts into NODE_PATH: they would lead back into this repository.
const { NODE_PATH: _, ...outer } = process.env
const env = { ...outer, UNIDIAG_CACHE: join(folder, 'cache') }

function run(command: string, args: readonly string[], cwd: string) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, env, encoding: 'utf8' })
  return { status, stdout, said: `${stdout}\n${stderr}` }
}

/** As a user has it: the packages and tfjs-node from the registry, TensorFlow from its installer or from pip. */
describeShared('the tensorflow engine in a project of its own', (shared) => {
  let installed: ReturnType<typeof run>
  beforeAll(() => {
    const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    for (const name of ['core', 'encoders', 'pretrain', 'tuning', 'tasks', 'datasets', 'weights', 'cli'])
      run('npm', ['exec', '--yes', `--package=${packageManager}`, '--', 'pnpm', 'pack', '--pack-destination', folder], join(root, 'packages', name))
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'third-party', private: true, type: 'module' }))
    const tarballs = readdirSync(folder).filter((file) => file.endsWith('.tgz'))
    expect(run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', ...tarballs.map((file) => `./${file}`)], folder)).toMatchObject({ status: 0 })
    installed = run('npx', ['unidiag', 'backend', 'install', 'tensorflow'], folder)
  }, 1_200_000)
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('is installed, and recomputes every number of the reference', { timeout: 600_000 }, (test) => {
    // What it is compiled from is not everywhere; that it could not be had has to be said.
    if (installed.status !== 0 && /TensorFlow was not installed: .*pip does not get it/.test(installed.said)) return test.skip('pip has no TensorFlow here')
    expect(installed).toMatchObject({ status: 0, stdout: expect.stringContaining('tensorflow works') })
    const parity = run('npx', ['unidiag', 'parity', join(shared, 'parity'), '--backend', 'tensorflow'], folder)
    expect(parity.said).toContain('on tensorflow')
    expect(parity).toMatchObject({ status: 0, stdout: expect.stringContaining('every group is within its tolerance') })
  })
})
