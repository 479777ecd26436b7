import { mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readFloat32, readSafetensors, writeSafetensors } from '@unidiag/core/io/safetensors'
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

  it('notices wrong weights of the hub, and a picture that is three grey levels off', async () => {
    const file = 'hf_roberta/model.safetensors'
    const roberta = await mkdtemp(join(tmpdir(), 'unidiag-parity-'))
    made.push(roberta)
    const weights = await readFloat32(join(reference, file))
    const name = 'roberta.encoder.layer.1.output.dense.weight'
    const { shape, data } = weights.get(name)!
    await writeSafetensors(join(roberta, 'model.safetensors'), weights.set(name, { shape, data: data.map((value) => value * 1.01) }))
    await symlink(join(reference, 'hf_roberta/config.json'), join(roberta, 'config.json'))
    const dir = await folder({
      hf_roberta: (link) => symlink(roberta, link),
      'hf_io.safetensors': async (io) => {
        const { tensors } = await readSafetensors(join(reference, 'hf_io.safetensors'))
        const grey = tensors.get('transform.gray_up.out')!
        ;(grey.data as Float32Array)[5] += 3 / 255 / 0.27
        // The writer takes float32 only; pictures and ids are whole numbers that it holds exactly.
        await writeSafetensors(
          io,
          new Map(Array.from(tensors, ([key, { shape, data }]) => [key, { shape, data: Float32Array.from(data as ArrayLike<number | bigint>, Number) }])),
        )
      },
    })
    const report = await runParity(dir)
    expect(report.groups.filter(({ passed }) => !passed).map(({ name }) => name)).toEqual([
      'HuggingFace RoBERTa: imported, every layer',
      'image transforms: resized and cropped, against Pillow',
    ])
  })

  it('says that a folder without models of the hub leaves them out', async () => {
    const report = await runParity(await folder({ 'hf_io.safetensors': undefined, hf_clip_vision: undefined, hf_roberta: undefined }))
    expect(report.passed).toBe(true)
    expect(report.notCovered).toContainEqual({ what: expect.stringContaining('HuggingFace'), why: expect.stringContaining('hf_io.safetensors') })
    await expect(runParity(await folder({ hf_roberta: undefined }))).rejects.toMatchObject({
      code: 'DATA_MISSING',
      message: expect.stringContaining('hf_roberta/model.safetensors'),
    })
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
