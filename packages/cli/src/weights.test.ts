import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readSafetensors, writeSafetensors } from '@unidiag/core/io/safetensors'
import { testBackend } from '@unidiag/testing/backends'
import { describeShared } from '@unidiag/testing/shared'
import { afterAll, beforeAll, expect, it } from 'vitest'

const bin = fileURLToPath(new URL('../bin/unidiag.js', import.meta.url))

/** Runs the built command. */
function unidiag(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], { encoding: 'utf8' })
  return { code: status, out: stdout, err: stderr }
}

describeShared('unidiag weights', (shared) => {
  const clip = join(shared, 'parity/hf_clip_vision/model.safetensors')
  const student = join(shared, 'parity/pretrain_student.safetensors')
  let dir: string
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'unidiag-weights-'))
    await writeFile(
      join(dir, 'model.yaml'),
      `plugins:\n  - clip-vit: { imageSize: 24, patchSize: 4, width: 32, heads: 4, blocks: 2 }\n  - backend: { name: ${testBackend()} }\n  - init: { files: [{ file: ./nowhere.pt }] }\n`,
    )
  })
  afterAll(() => rm(dir, { recursive: true }))

  it('inspect lists names, types and shapes', () => {
    const file = join(shared, 'data/weights/pt-reader-cases/mixed_types.pt')
    const { code, out } = unidiag('weights', 'inspect', file)
    expect(code).toBe(0)
    expect(out.trim().split('\n')).toEqual([
      'float32  F32   [2]',
      'int64    I64   [2]',
      'bool     BOOL  [2]',
      'float64  F64   [2]',
      `${file}: torch-zip, names of no known model, 4 tensors, 8 values`,
    ])
    const inspected = JSON.parse(unidiag('weights', 'inspect', clip, '--json').out)
    expect(inspected).toMatchObject({ file: clip, format: 'safetensors', kind: 'hf-clip' })
    expect(inspected.tensors).toContainEqual({ name: 'vision_model.post_layernorm.bias', dtype: 'F32', shape: [32] })
  })

  it('import says what was loaded, resized, skipped and is missing, and writes the model', async () => {
    const out = join(dir, 'model.safetensors')
    const shown = unidiag('weights', 'import', clip, '--config', join(dir, 'model.yaml'), '--out', out)
    expect(shown).toMatchObject({ code: 0, err: '' })
    expect(shown.out.trim().split('\n')).toEqual([
      `${clip} (safetensors, names of hf-clip)`,
      'loaded 31 parameters',
      'resized vision_encoder.visual.positional_embedding from [17,32] to [37,32]',
      'skipped 1 x a buffer of indices',
      'skipped 16 x the last block of CLIP is not used',
      `wrote ${out}`,
    ])
    expect((await readSafetensors(out)).tensors.get('vision_encoder.visual.positional_embedding')?.shape).toEqual([37, 32])
    const wrong = unidiag('weights', 'import', clip, '--config', join(dir, 'model.yaml'), '--set', 'clip-vit.width=16')
    expect(wrong.code).toBe(2)
    expect(wrong.err).toMatch(/^error CHECKPOINT_MISMATCH: .*does not fit the model/)
  })

  it('import takes a BERT of the hub into a text encoder of its kind', async () => {
    const { tensors } = await readSafetensors(fileURLToPath(new URL('../../encoders/src/bert.reference.safetensors', import.meta.url)))
    const own = Array.from(tensors).filter(([name]) => name.startsWith('weights.'))
    const file = join(dir, 'bert.safetensors')
    await writeSafetensors(file, new Map(own.map(([name, { shape, data }]) => [name.slice('weights.'.length), { shape, data: data as Float32Array }])))
    await writeFile(
      join(dir, 'bert.yaml'),
      `plugins:\n  - bert: { vocabSize: 40, width: 12, layers: 2, heads: 3, ffn: 20, maxPositions: 10, maxLength: 8 }\n  - backend: { name: ${testBackend()} }\n`,
    )
    const { code, out } = unidiag('weights', 'import', file, '--config', join(dir, 'bert.yaml'))
    expect(code).toBe(0)
    expect(out.trim().split('\n')).toEqual([
      `${file} (safetensors, names of hf-bert)`,
      'loaded 37 parameters',
      "skipped 2 x a dead weight: the text encoder's own pooler is never used",
      'skipped 9 x the reference starts its language-model head anew',
    ])
  })

  it('export writes weights under the names of M3AE', async () => {
    const out = join(dir, 'm3ae.safetensors')
    const { code, out: shown } = unidiag('weights', 'export', student, out, '--names', 'm3ae')
    expect(code).toBe(0)
    expect(shown).toMatch(/^wrote \d+ tensors to .*\(from names of m3ae\)\nskipped 4 x a dead weight: CLIP/)
    const [written, original] = await Promise.all([out, student].map((file) => readSafetensors(file)))
    for (const [name, tensor] of written.tensors) expect(tensor, name).toEqual(original.tensors.get(name))
  })

  it('tells what is wrong with a file', () => {
    const { code, err } = unidiag('weights', 'inspect', join(shared, 'data/weights/pt-reader-cases/broken.pt'))
    expect(code).toBe(2)
    expect(err).toMatch(/^error CHECKPOINT_INVALID: .*broken\.pt: it is neither safetensors nor/)
    expect(unidiag('weights', 'inspect', join(dir, 'nowhere.pt')).code).toBe(2)
    expect(unidiag('weights', 'export', student, join(dir, 'x'), '--kind', 'flax').code).toBe(2)
  })
})
