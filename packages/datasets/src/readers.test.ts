import { readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dataset } from '@unidiag/core/contracts/dataset'
import { BatchLoader } from '@unidiag/core/data/loader'
import { Random } from '@unidiag/core/random'
import { describeDataset } from '@unidiag/testing/contracts/dataset'
import { describeShared } from '@unidiag/testing/shared'
import { describe, expect, it, onTestFinished } from 'vitest'
import { images } from './images.js'
import { temporaryFolder } from './release/broken-copy.fixture.js'
import { type ReaderCase, readerCases } from './release/reader-cases.fixture.js'
import { verifiable, verifyDataset } from './verify.js'

const tokenizer = {
  vocabSize: 4,
  special: { bos: 0, pad: 1, eos: 2, unk: 3, mask: 3 },
  encode: () => [0, 3, 2],
  words: () => [-1, 0, -1],
  fingerprint: 'none',
}

/** Ids of the samples of all splits that a run does without, with the reasons. */
async function lostOf(dataset: Dataset): Promise<{ id: string; reason: string }[]> {
  const { definition } = images
  const loader = definition.setup({ needs: {}, options: definition.options.parse({ size: 8, threads: 1 }) })
  onTestFinished(async () => definition.teardown?.(await loader))
  const lost: { id: string; reason: string }[] = []
  for (const split of dataset.splits) {
    // Whatever is broken is among the first.
    const samples = dataset.samples(split).slice(0, 24)
    const common = {
      images: await loader,
      tokenizer,
      maxLength: 4,
      batchSize: 8,
      parts: [],
      random: new Random(0),
      stage: 'read',
      augment: false,
      shuffle: false,
    }
    for await (const batch of new BatchLoader({ ...common, samples }).batches({ epochs: 1 })) lost.push(...batch.lost)
  }
  return lost
}

function describeReader(reader: ReaderCase, shared: string): void {
  const { name, plugin, table, sharedImages = [] } = reader
  const open = async (dir: string): Promise<Dataset> => {
    const { definition, options } = plugin(dir)
    return definition.setup({ needs: {}, options: definition.options.parse(options) as never })
  }
  const broken = async ([damage]: NonNullable<ReaderCase['badRow']>): Promise<string> => {
    const dir = await reader.release(shared)
    await writeFile(join(dir, table), damage(await readFile(join(dir, table))))
    return dir
  }
  const expectRefused = async (dir: string, reason: RegExp): Promise<void> => {
    await expect(open(dir)).rejects.toMatchObject({ code: 'DATA_MALFORMED', message: expect.stringMatching(reason) })
    const { problems } = await verifyDataset(name, dir)
    expect(problems.map(({ kind, file, reason: said }) => (kind === 'malformed' ? `${file}: ${said}` : '')).join('\n')).toMatch(reason)
  }
  const firstFile = (data: Dataset): string => (data.samples(data.splits[0])[0].image as { file: string }).file

  describe(name, () => {
    describeDataset(
      name,
      () => {
        const { definition, options } = plugin('made when it is opened')
        return { definition: { ...definition, setup: async () => open(await reader.release(shared)) }, options }
      },
      { sharedImages },
    )

    it('reads it whole, without losing a sample', async () => {
      const dir = await reader.release(shared)
      expect(await lostOf(await open(dir))).toEqual([])
      expect((await verifyDataset(name, dir)).problems).toEqual([])
    })

    if (reader.images !== 'inside') {
      it('loses the samples of a missing image, and verification names it', async () => {
        const dir = await reader.release(shared)
        const data = await open(dir)
        const file = firstFile(data)
        const samplesOf = (opened: Dataset) => opened.splits.flatMap((split) => opened.samples(split))
        const ids = samplesOf(data).flatMap(({ id, image }) => ('file' in image && image.file === file ? [id] : []))
        await rm(file)
        const again = await open(dir)
        const lost = await lostOf(again)
        if (reader.dropsMissing || reader.images === 'listed') {
          expect(samplesOf(again).filter(({ id }) => ids.includes(id))).toEqual([])
          expect(lost).toEqual([])
        } else {
          expect(lost.length).toBeGreaterThan(0)
          for (const { id } of lost) expect(ids).toContain(id)
          for (const { reason } of lost) expect(reason).toMatch(/the file does not exist$/)
        }
        const { problems } = await verifyDataset(name, dir)
        // Nothing else says that it was there.
        if (reader.images === 'listed') expect(problems).toEqual([])
        else expect(problems).toMatchObject([{ kind: 'missing-image', file: file.slice(dir.length + 1) }])
      })

      it('loses the samples of a truncated image, and verification names it', async () => {
        const dir = await reader.release(shared)
        const file = firstFile(await open(dir))
        await truncate(file, Math.floor((await stat(file)).size / 2))
        const lost = await lostOf(await open(dir))
        expect(lost.length).toBeGreaterThan(0)
        for (const { reason } of lost) expect(reason.startsWith(file)).toBe(true)
        expect((await verifyDataset(name, dir)).problems).toMatchObject([{ kind: 'broken-image', file: file.slice(dir.length + 1) }])
      })
    }

    it('says where a truncated file ends', async () => expectRefused(await broken(reader.truncated), reader.truncated[1]))
    const { badRow, wrongColumn, empty, mark } = reader
    if (badRow) it('names a bad row', async () => expectRefused(await broken(badRow), badRow[1]))
    if (wrongColumn) it('names a column that it lacks', async () => expectRefused(await broken(wrongColumn), wrongColumn[1]))

    it('says that a file is empty', async () => {
      const dir = await broken([() => '', /./])
      // The image has no text then, and is left out.
      if (empty === 'left-out') expect((await open(dir)).samples('train')).toEqual([])
      else await expectRefused(dir, empty)
    })

    it('passes over a byte order mark in texts, and names other files that begin with one', async () => {
      const dir = await broken([(file) => Buffer.concat([Buffer.from('\ufeff'), file]), /./])
      if (mark !== 'ignored') return expectRefused(dir, mark)
      const whole = await open(await reader.release(shared))
      const plain = (data: Dataset) => data.splits.map((split) => data.samples(split).map(({ id, text, answers }) => ({ id, text, answers })))
      expect(plain(await open(dir))).toEqual(plain(whole))
    })

    it('says what an empty folder lacks', async () => {
      const dir = await temporaryFolder()
      await expect(open(dir)).rejects.toMatchObject({ code: 'DATA_MISSING', message: expect.stringContaining(dir) })
      const { problems, variants } = await verifyDataset(name, dir)
      expect(variants).toEqual([])
      expect(problems.length).toBeGreaterThan(0)
      expect(new Set(problems.map(({ kind }) => kind))).toEqual(new Set(['missing-file']))
    })
  })
}

describe('readers of releases that are made here', () => {
  for (const reader of readerCases.filter(({ made }) => made)) describeReader(reader, '')

  it('are all there, with those of the shared data; shards of `data prepare` have tests of their own', () => {
    expect([...readerCases.map(({ name }) => name), 'prepared'].sort()).toEqual([...verifiable].sort())
  })
})

describeShared('readers of the mini sets', (shared) => {
  for (const reader of readerCases.filter(({ made }) => !made)) describeReader(reader, shared)
})
