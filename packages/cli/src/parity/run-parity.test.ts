import { mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readFloat32, writeSafetensors } from '@unidiag/core/io/safetensors'
import { useBackend } from '@unidiag/testing/backends'
import { describeShared } from '@unidiag/testing/shared'
import { afterAll, expect, it } from 'vitest'
import { runParity } from './run-parity.js'

describeShared('runParity', (shared) => {
  useBackend()
  const reference = join(shared, 'parity')
  const made: string[] = []
  afterAll(() => Promise.all(made.map((dir) => rm(dir, { recursive: true }))))

  /** The reference folder with other files in place of some; undefined leaves a file out. */
  async function folder(changed: Record<string, ((file: string) => Promise<void>) | undefined>): Promise<string> {
    const dir = await mkdtemp(join(tmpdir(), 'unidiag-parity-'))
    made.push(dir)
    for (const name of await readdir(reference)) if (!(name in changed)) await symlink(join(reference, name), join(dir, name))
    for (const [name, write] of Object.entries(changed)) await write?.(join(dir, name))
    return dir
  }

  it('notices one wrong gradient, and nothing else', async () => {
    const name = 'multi_modal_vision_proj.weight'
    const dir = await folder({
      'pretrain_grads.safetensors': async (file) => {
        const stored = await readFloat32(join(reference, 'pretrain_grads.safetensors'))
        const { shape, data } = stored.get(name)!
        await writeSafetensors(file, stored.set(name, { shape, data: data.map((value) => value * 1.01) }))
      },
    })
    const report = await runParity(dir)
    expect(report.passed).toBe(false)
    expect(report.groups.filter(({ passed }) => !passed)).toMatchObject([{ name: 'pre-training: gradients', worst: { tensor: name } }])
  })

  it('names the files that are missing', async () => {
    const dir = await folder({ 'pretrain_io.safetensors': undefined, 'tdcalib.json': undefined })
    await expect(runParity(dir)).rejects.toMatchObject({
      code: 'DATA_MISSING',
      message: expect.stringMatching(/tdcalib\.json.*pretrain_io\.safetensors/),
    })
  })

  it('names the file and the place that is malformed', async () => {
    const dir = await folder({ 'tdcalib.json': (file) => writeFile(file, '{"total": "x"}') })
    await expect(runParity(dir)).rejects.toMatchObject({ code: 'DATA_MALFORMED', message: expect.stringMatching(/tdcalib\.json.*total/s) })
  })
})
