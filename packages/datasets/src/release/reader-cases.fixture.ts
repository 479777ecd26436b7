import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { Dataset } from '@unidiag/core/contracts/dataset'
import type { Plugin } from '@unidiag/core/plugin'
import { imageFolder } from '../image-folder.js'
import { m3aeArrow } from '../m3ae-arrow.js'
import { medicat } from '../medicat.js'
import { medmnist } from '../medmnist.js'
import { melinda } from '../melinda.js'
import { pathVqa } from '../path-vqa.js'
import { roco } from '../roco.js'
import { slake } from '../slake.js'
import { table } from '../table.js'
import { vqaMed2019 } from '../vqa-med-2019.js'
import { vqaRad } from '../vqa-rad.js'
import { webDataset } from '../webdataset.js'
import { arrowFixture } from './arrow/m3ae-arrow.fixture.js'
import { copyOf } from './broken-copy.fixture.js'
import { makeRelease } from './make-release.fixture.js'

type Damage = readonly [damage: (file: Buffer) => Uint8Array | string, reason: RegExp]

/** A reader, a small release for it, and how the file that lists its samples can be broken. */
export interface ReaderCase {
  readonly name: string
  readonly plugin: (dir: string) => Plugin<Dataset>
  /** A release that a test may break. @param shared the folder of shared data */
  readonly release: (shared: string) => Promise<string>
  /** Whether the release is made here; otherwise it is a copy of shared data. */
  readonly made: boolean
  readonly table: string
  /** Whether images are files of their own, and whether the files are all that lists them. */
  readonly images: 'files' | 'listed' | 'inside'
  readonly truncated: Damage
  readonly badRow?: Damage
  readonly wrongColumn?: Damage
  readonly empty: RegExp | 'left-out'
  /** A byte order mark is passed over in texts; anything else is damaged by it. */
  readonly mark: 'ignored' | RegExp
  readonly sharedImages?: readonly string[]
  /** Samples of images that are not there are dropped as in the reference. */
  readonly dropsMissing?: boolean
}

const text =
  (change: (content: string) => string): Damage[0] =>
  (file) =>
    change(file.toString('utf8'))
const replaced = (from: string | RegExp, to: string) => text((content) => content.replace(from, to))
const end =
  (bytes: number): Damage[0] =>
  (file) =>
    file.subarray(0, -bytes)
const latin1 =
  (from: string, to: string): Damage[0] =>
  (file) =>
    Buffer.from(file.toString('latin1').replaceAll(from, to), 'latin1')
const mini = (name: string) => (shared: string) => copyOf(join(shared, 'data/mini', name))

const MEDICAT = 'release/s2_full_figures_oa_nonroco_combined_medical_top4_public.jsonl'
/** Two rows, by CPython 3.11: pickle.dumps, protocol 4. */
const PICKLE =
  'gASVbQAAAAAAAABdlCh9lCiMBmFuc3dlcpSMA3llc5SMBWltYWdllIwJdGVzdF8wMDAxlIwIcXVlc3Rpb26UjA9pcyB0aGlzICBsaXZlcj+UdX2UKGgCjARvcmFslGgEaAVoBowOd2hlcmUgaXMgdGhpcz+UdWUu'

const rocoRelease = () =>
  makeRelease(
    Object.fromEntries(
      ['train', 'validation', 'test'].flatMap((split, i) => {
        const ids = [1, 2, 3].map((n) => `ROCO_0000${3 * i + n}`)
        return [
          [`${split}/radiology/captions.txt`, ids.map((id) => `${id}\t An axial CT image.\n`).join('')],
          ...ids.map((id, n) => [`${split}/radiology/images/${id}.jpg`, 3 * i + n] as const),
        ]
      }),
    ),
  )

function medicatRelease(): Promise<string> {
  const rows = Array.from({ length: 6 }, (_, i) => ({ pdf_hash: 'ab', fig_uri: `${i}.png`, radiology: true, s2_caption: 'A chest radiograph.' }))
  const images = rows.map(({ fig_uri }, i) => [`release/figures/ab_${fig_uri}`, i])
  return makeRelease({ [MEDICAT]: rows.map((row) => `${JSON.stringify(row)}\n`).join(''), ...Object.fromEntries(images) })
}

const melindaRelease = () =>
  makeRelease(
    Object.fromEntries(
      ['train', 'dev', 'test'].flatMap((split, i): [string, string | number][] => [
        [`${split}.csv`, `figure_file,caption,i_meth,p_meth,i_meth_label,p_meth_label\n${split}.jpg,Bands of a gel,a,b,c,d\n`],
        [`melinda_images/${split}.jpg`, i],
      ]),
    ),
  )

const pathVqaRelease = () =>
  makeRelease(
    Object.fromEntries(
      ['train', 'val', 'test'].flatMap((split, i): [string, Uint8Array | number][] => [
        [`qas/${split}/${split}_qa.pkl`, latin1('test_0001', `test_000${i}`)(Buffer.from(PICKLE, 'base64')) as Uint8Array],
        [`images/${split}/test_000${i}.jpg`, i],
      ]),
    ),
  )

async function shardRelease(): Promise<string> {
  const members = { '0.jpg': 1, '0.json': '{"text": "A knee"}', '1.jpg': 2, '1.txt': 'A chest' }
  const dir = await makeRelease(members)
  const shard = execFileSync('tar', ['--format=ustar', '-C', dir, '-cf', '-', ...Object.keys(members)])
  return makeRelease({ 'train.tar': shard })
}

export const readerCases: readonly ReaderCase[] = [
  {
    name: 'vqa-rad',
    plugin: (dir) => vqaRad({ dir }),
    release: mini('vqa-rad'),
    made: false,
    table: 'data_RAD/trainset.json',
    images: 'files',
    truncated: [end(40), /trainset\.json:\d+:\d+: not valid JSON/],
    badRow: [replaced(/"answer_type": "[A-Z]+"/, '"answer_type": "MAYBE"'), /trainset\.json:\d+:\d+: row 1: "answer_type"/],
    wrongColumn: [replaced(/"question":/g, '"query":'), /row 1: "question"/],
    empty: /trainset\.json:1:1: the file is empty/,
    mark: 'ignored',
    sharedImages: ['train/test', 'val/test'],
  },
  {
    name: 'slake',
    plugin: (dir) => slake({ dir }),
    release: mini('slake'),
    made: false,
    table: 'Slake1.0/train.json',
    images: 'files',
    truncated: [end(40), /train\.json:\d+:\d+: not valid JSON/],
    badRow: [replaced(/"img_name": ?"[^"]+"/, '"img_name": "../x.jpg"'), /row 1: "img_name": not a path/],
    wrongColumn: [replaced(/"q_lang":/g, '"lang":'), /row 1: "q_lang"/],
    empty: /train\.json:1:1: the file is empty/,
    mark: 'ignored',
  },
  {
    name: 'vqa-med-2019',
    plugin: (dir) => vqaMed2019({ dir }),
    release: mini('vqa-med-2019'),
    made: false,
    table: 'ImageClef-2019-VQA-Med-Training/QAPairsByCategory/C1_Modality_train.txt',
    images: 'files',
    truncated: [text((content) => content.trimEnd().replace(/\|[^|]*$/, '')), /C1_Modality_train\.txt:\d+:1: /],
    badRow: [replaced(/^\S+?\|/, '../x|'), /C1_Modality_train\.txt:1:1: /],
    wrongColumn: [replaced(/\|/g, ';'), /C1_Modality_train\.txt:1:1: /],
    empty: /C1_Modality_train\.txt:1:1: the file is empty/,
    mark: 'ignored',
  },
  {
    name: 'roco',
    plugin: (dir) => roco({ dir }),
    release: rocoRelease,
    made: true,
    table: 'train/radiology/captions.txt',
    images: 'files',
    truncated: [(file) => file.subarray(0, file.lastIndexOf('ROCO_') + 3), /captions\.txt:3:1: expected an id/],
    badRow: [replaced('ROCO_00002', '2'), /captions\.txt:2:1: expected an id/],
    wrongColumn: [replaced(/^ROCO_\d+\t/gm, ''), /captions\.txt:1:1: expected an id/],
    empty: /captions\.txt:1:1: the file is empty/,
    mark: 'ignored',
    dropsMissing: true,
  },
  {
    name: 'medicat',
    plugin: (dir) => medicat({ dir, heldOut: 2 }),
    release: medicatRelease,
    made: true,
    table: MEDICAT,
    images: 'files',
    truncated: [end(9), /\.jsonl:6:\d+: not valid JSON/],
    badRow: [replaced('"fig_uri":"1.png"', '"fig_uri":7'), /\.jsonl:2:1: "fig_uri"/],
    wrongColumn: [replaced(/"radiology"/g, '"kind"'), /\.jsonl:1:1: "radiology"/],
    empty: /\.jsonl:1:1: the file is empty/,
    mark: 'ignored',
    dropsMissing: true,
  },
  {
    name: 'melinda',
    plugin: (dir) => melinda({ dir }),
    release: melindaRelease,
    made: true,
    table: 'train.csv',
    images: 'files',
    truncated: [end(6), /train\.csv:2:1: expected 6 cells, found 4/],
    badRow: [replaced('train.jpg', '../train.jpg'), /train\.csv:2:1: "figure_file"/],
    wrongColumn: [replaced('caption', 'text'), /train\.csv:1:1: the header lacks "caption"/],
    empty: /train\.csv:1:1: the file is empty/,
    mark: 'ignored',
  },
  {
    name: 'path-vqa',
    plugin: (dir) => pathVqa({ dir }),
    release: pathVqaRelease,
    made: true,
    table: 'qas/train/train_qa.pkl',
    images: 'files',
    truncated: [end(9), /train_qa\.pkl: /],
    badRow: [latin1('test_0000', '../x/0000'), /train_qa\.pkl.*"image"/],
    wrongColumn: [latin1('question', 'quastion'), /train_qa\.pkl.*"question"/],
    empty: /train_qa\.pkl: /,
    mark: /train_qa\.pkl: /,
  },
  {
    name: 'medmnist',
    plugin: (dir) => medmnist({ dir, set: 'pneumoniamnist' }),
    release: (shared) => copyOf(join(shared, 'data/medmnist')),
    made: false,
    table: 'pneumoniamnist.npz',
    images: 'inside',
    truncated: [end(100), /pneumoniamnist\.npz: /],
    badRow: [(file) => file.fill(0xff, 1000, 1100), /pneumoniamnist\.npz: /],
    wrongColumn: [latin1('train_images', 'trane_images'), /lacks "train_images"/],
    empty: /pneumoniamnist\.npz: /,
    mark: /./,
  },
  {
    name: 'table',
    plugin: (dir) => table({ dir }),
    release: () =>
      makeRelease({ 'train.csv': 'image,text\na.jpg,A knee\nb.jpg,A chest\n', 'test.csv': 'image,text\nc.jpg,A hand\n', 'a.jpg': 1, 'b.jpg': 2, 'c.jpg': 3 }),
    made: true,
    table: 'train.csv',
    images: 'files',
    truncated: [end(9), /train\.csv:3:1: expected 2 cells, found 1/],
    badRow: [replaced('b.jpg', '/b.jpg'), /train\.csv:3:1: "image": not a path/],
    wrongColumn: [replaced('text', 'caption'), /train\.csv:1:1: the header lacks "text"/],
    empty: /train\.csv:1:1: the file is empty/,
    mark: 'ignored',
  },
  {
    name: 'image-folder',
    plugin: (dir) => imageFolder({ dir, text: 'an image of a {folder}' }),
    release: () => makeRelease({ 'train/knee/1.jpg': 1, 'train/knee/1.txt': 'A knee', 'test/chest/2.jpg': 2 }),
    made: true,
    table: 'train/knee/1.txt',
    images: 'listed',
    truncated: [() => Uint8Array.of(0x41, 0xc3), /1\.txt: the file is not UTF-8 text/],
    badRow: [() => Uint8Array.of(0xff, 0xfe), /1\.txt: the file is not UTF-8 text/],
    empty: 'left-out',
    mark: 'ignored',
  },
  {
    name: 'webdataset',
    plugin: (dir) => webDataset({ dir }),
    release: shardRelease,
    made: true,
    table: 'train.tar',
    images: 'inside',
    truncated: [(file) => file.subarray(0, 1300), /train\.tar: the archive is cut short/],
    badRow: [latin1('{"text": "A knee"}', '{"text": ["a", 1]}'), /train\.tar:0: "text"/],
    wrongColumn: [latin1('{"text": "A knee"}', '{"text": "A knee",'), /train\.tar:0\.json: not valid JSON/],
    empty: /train\.tar: the file is empty/,
    mark: /no header of a tar archive/,
  },
  {
    name: 'm3ae-arrow',
    plugin: (dir) => m3aeArrow({ dir }),
    release: () => makeRelease({ 'roco_train.arrow': arrowFixture('captions') }),
    made: true,
    table: 'roco_train.arrow',
    images: 'inside',
    truncated: [end(40), /roco_train\.arrow: the file ends too early/],
    badRow: [() => arrowFixture('withoutImage'), /roco_train\.arrow:row 2: "image"/],
    wrongColumn: [latin1('caption', 'captiom'), /the columns lack "caption"/],
    empty: /roco_train\.arrow: the file is empty/,
    mark: /no Arrow file/,
  },
]
