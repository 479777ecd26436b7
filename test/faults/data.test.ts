import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { unidiag } from '../command.js'
import { eventsOf, scratch, told } from '../run-folder.js'
import { cutImage, questions, writeRelease } from '../tiny-release.js'

const config = fileURLToPath(new URL('../configs/release.yaml', import.meta.url))
const path = scratch()
const run = (dir: string, out: string) => unidiag(['run', config, '--set', `vqa-rad.dir=${dir}`, '--out', out])

describe('a folder of data that is not there', () => {
  it('is named, with what to do, before anything runs', async () => {
    const { code, err, out } = await run(path('nowhere'), path('never'))
    expect(err).toMatch(/^error DATA_MISSING: /)
    expect(err).toContain(`${path('nowhere')}: the folder does not exist`)
    expect(err).toMatch(/^fix: Point `dir` at the folder of the official release/m)
    expect(code).toBe(2)
    expect(out).toBe('')
  })
})

describe('a data file that is not JSON', () => {
  it('is named with line and column, without a word of its texts', async () => {
    const dir = await writeRelease(path('malformed'))
    const file = path('malformed', 'data_RAD', 'trainset.json')
    const lines = (await readFile(file, 'utf8')).split('\n')
    const broken = lines.findIndex((line) => line.includes(questions[3]))
    lines[broken] = lines[broken].replace(/,$/, '')
    await writeFile(file, lines.join('\n'))
    const { code, err } = await run(dir, path('never'))
    expect(err).toMatch(/^error DATA_MALFORMED: /)
    // The comma is missed at the key that follows.
    expect(err).toContain(`${file}:${broken + 2}:3: not valid JSON: expected "," or "}"`)
    expect(err).toMatch(/^fix: /m)
    for (const question of questions) expect(err).not.toContain(question)
    expect(code).toBe(2)
  })

  it('is told together with the others', async () => {
    const dir = await writeRelease(path('two-faults'))
    for (const name of ['trainset', 'testset']) await writeFile(path('two-faults', 'data_RAD', `${name}.json`), '[{"qid": 1}]')
    const { err } = await run(dir, path('never'))
    for (const name of ['trainset', 'testset']) expect(err).toContain(`${path('two-faults', 'data_RAD', `${name}.json`)}:1:2: row 1: `)
  })
})

describe('truncated images', () => {
  const cut = { train: 'train-7.jpg', val: 'val-2.jpg', test: 'test-0.jpg' }
  let dir: string
  let ended: Awaited<ReturnType<typeof unidiag>>
  beforeAll(async () => {
    dir = await writeRelease(path('truncated'))
    for (const name of Object.values(cut)) await cutImage(dir, name)
    ended = await run(dir, path('lossy'))
  })

  it('cost their samples, and the run goes on to its end', async () => {
    expect(ended, ended.err).toMatchObject({ code: 0, err: '' })
    const events = await eventsOf(path('lossy'))
    expect(told(events, 'stage-end').map(({ stage, steps }) => [stage, steps])).toEqual([
      ['mr-pretrain', 4],
      ['td-calib', 4],
      ['fine-tune', 4],
    ])
    const seen = (stage: string) =>
      told(events, 'step')
        .filter((step) => step.stage === stage)
        .reduce((sum, { samples }) => sum + samples, 0)
    for (const stage of ['mr-pretrain', 'td-calib', 'fine-tune']) expect(seen(stage), stage).toBe(2 * 11)
    expect(told(events, 'score').map(({ score: { protocol } }) => [protocol.split, protocol.samples, protocol.lost])).toEqual([
      ['val', 3, 1],
      ['val', 3, 1],
      ['test', 5, 1],
    ])
  })

  it('are reported once a stage, by the id of the sample and the reason', async () => {
    const lost = told(await eventsOf(path('lossy')), 'sample-lost')
    expect(lost.map(({ stage, id }) => `${stage} ${id}`).sort()).toEqual([
      'fine-tune vqa-rad/mevf/14',
      'fine-tune vqa-rad/mevf/16',
      'fine-tune vqa-rad/mevf/7',
      'mr-pretrain vqa-rad/mevf/7',
      'td-calib vqa-rad/mevf/7',
    ])
    for (const { reason } of lost) expect(reason).toMatch(/(train-7|val-2|test-0)\.jpg: \w/)
    expect(ended.out).toContain(`mr-pretrain: sample vqa-rad/mevf/7 is left out: ${path('truncated', 'images', cut.train)}: `)
  })

  it('put no text of a sample into a log', async () => {
    const log = ended.out + ended.err + (await readFile(path('lossy', 'events.jsonl'), 'utf8'))
    for (const question of questions) expect(log).not.toContain(question)
  })
})
