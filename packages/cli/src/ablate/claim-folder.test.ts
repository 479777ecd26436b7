import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { claimFolder } from './claim-folder.js'

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'unidiag-claim-'))
})
afterAll(() => rm(dir, { recursive: true }))

it('refuses a folder that a living process runs, until it is given up', async () => {
  const folder = join(dir, 'line/seed-0')
  const giveUp = await claimFolder(folder)
  await giveUp()
  expect(await readdir(folder)).toEqual([])
  await writeFile(join(folder, 'running.pid'), `${process.ppid}`)
  await expect(claimFolder(folder)).rejects.toMatchObject({ code: 'FILE_UNWRITABLE', message: expect.stringContaining(`process ${process.ppid}`) })
})

it.each([
  ['of a process that is no more', () => spawnSync(process.execPath, ['-e', '']).pid],
  ['that says nothing', () => ''],
])('takes over a claim %s', async (_, owner) => {
  await writeFile(join(dir, 'running.pid'), `${owner()}`)
  await (await claimFolder(dir))()
  expect(await readdir(dir)).not.toContain('running.pid')
})
