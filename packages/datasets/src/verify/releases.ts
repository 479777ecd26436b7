import { readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Fault } from '../release/fault.js'
import { find } from '../release/find.js'
import { readImageFolder } from '../release/read-image-folder.js'
import { arrowTables, readM3aeArrow } from '../release/read-m3ae-arrow.js'
import { readMedicat } from '../release/read-medicat.js'
import { readMedmnist } from '../release/read-medmnist.js'
import { readMelinda } from '../release/read-melinda.js'
import { readPathVqa } from '../release/read-path-vqa.js'
import { readPrepared } from '../release/read-prepared.js'
import { readRoco } from '../release/read-roco.js'
import { readShards } from '../release/read-shards.js'
import { readSlake } from '../release/read-slake.js'
import { readTable, tableExtensions } from '../release/read-table.js'
import { readVqaMed2019 } from '../release/read-vqa-med-2019.js'
import { readVqaRad } from '../release/read-vqa-rad.js'
import { type Release, ReleaseBuilder } from '../release/release.js'
import { findSplitFiles } from '../release/split-files.js'

/** A data set that can be verified. */
export interface KnownRelease {
  readonly licence: string
  readonly source: string
  readonly facts: readonly string[]
  /** Every reading of the release. */
  read(dir: string): Promise<readonly Release[]>
  /** Whether one reading is enough, the others being other packagings of the same release. */
  readonly anyVariant: boolean
  /** Where the names of its images come from, when other data sets take theirs from there too. */
  readonly archive?: string
}

const OWN = 'your own'
const MEDPIX = 'MedPix'
const SHARED =
  '42 images occur both in VQA-RAD and in VQA-Med-2019 (32 in its training split): do not train on one and test on the other without removing them; ' +
  'verify both together to see which'

export const releases: Readonly<Record<string, KnownRelease>> = {
  'vqa-rad': {
    licence: 'CC0 1.0',
    source: 'https://osf.io/89kps (the mevf split: https://github.com/aioz-ai/MICCAI19-MedVQA)',
    facts: ['The official split is by question, so most test images also occur in train', 'No validation split was ever published', SHARED],
    read: (dir) => Promise.all([readVqaRad(dir, 'mevf', 'if-there'), readVqaRad(dir, 'public')]),
    anyVariant: true,
    archive: MEDPIX,
  },
  slake: {
    licence: 'CC BY 4.0',
    source: 'https://www.med-vqa.com/slake',
    facts: ['The splits of the two languages differ: choose the language before splitting'],
    read: (dir) => Promise.all([readSlake(dir, 'en'), readSlake(dir, 'zh'), readSlake(dir, 'all')]),
    anyVariant: false,
  },
  'vqa-med-2019': {
    licence: 'none is stated with the release; the images come from MedPix (NLM)',
    source: 'https://github.com/abachaa/VQA-Med-2019',
    facts: ['The release does not tell open from closed questions; all are counted as open', SHARED],
    read: (dir) => Promise.all([readVqaMed2019(dir, ['C1', 'C2', 'C3']), readVqaMed2019(dir, ['C1', 'C2', 'C3', 'C4'])]),
    anyVariant: false,
    archive: MEDPIX,
  },
  roco: {
    licence: 'of each article: notes list them where licences.txt is there',
    source: 'https://github.com/razorx89/roco-dataset',
    facts: [
      'Images are fetched one by one from PubMed Central, and some are gone',
      'M3AE and the papers after it use at most 2,000 captions of validation and test',
    ],
    read: async (dir) => {
      const found = await find(dir, ['medicat/roco_train_references.jsonl', 'roco_train_references.jsonl'], [])
      const options = { seed: 42, heldOut: 2000, ...(found && { references: dirname(found) }) }
      return Promise.all([readRoco(dir, { view: 'pretrain', ...options }), readRoco(dir, { view: 'retrieval', ...options })])
    },
    anyVariant: false,
  },
  medicat: {
    licence: 'of each article; the release asks for an agreement',
    source: 'https://github.com/allenai/medicat',
    facts: ['The release has no splits: they are drawn as the reference draws them', 'Figures that are also in ROCO are not part of this file'],
    read: async (dir) => [await readMedicat(dir, { seed: 42, heldOut: 1000 })],
    anyVariant: false,
  },
  melinda: {
    licence: 'none is stated; its authors hand it out',
    source: 'https://github.com/PlusLabNLP/melinda',
    facts: [],
    read: async (dir) => [await readMelinda(dir)],
    anyVariant: false,
  },
  'path-vqa': {
    licence: 'MIT; the images come from textbooks and PEIR',
    source: 'https://github.com/UCSD-AI4H/PathVQA',
    facts: ['The release does not tell open from closed questions; those answered by yes or no are counted as closed'],
    read: async (dir) => [await readPathVqa(dir)],
    anyVariant: false,
  },
  medmnist: {
    licence: 'CC BY 4.0 (dermamnist: CC BY-NC 4.0)',
    source: 'https://medmnist.com',
    facts: [],
    read: readMedmnistFolder,
    anyVariant: false,
  },
  table: {
    licence: OWN,
    source: OWN,
    facts: ['Read with the default columns: image and text'],
    read: async (dir) => {
      const faults: Fault[] = []
      const files = await findSplitFiles(dir, tableExtensions, faults)
      return [await readTable('table', files, { image: 'image', text: 'text', fields: [] }, dir, faults)]
    },
    anyVariant: false,
  },
  'image-folder': {
    licence: OWN,
    source: OWN,
    facts: ['Images without a text file are read with a text made of the name of their folder'],
    read: async (dir) => [await readImageFolder('image-folder', dir, { text: 'image {folder}', answer: false, tags: {} })],
    anyVariant: false,
  },
  'm3ae-arrow': {
    licence: 'that of the release the files were made from',
    source: 'https://github.com/zhjohnchan/M3AE',
    facts: ['The files have no licences and no fields of the releases they were made from'],
    read: async (dir) => {
      const tables = await arrowTables(dir)
      return Promise.all((tables.length > 0 ? tables : ['roco']).map((name) => readM3aeArrow(dir, name, name)))
    },
    anyVariant: false,
  },
  prepared: {
    licence: 'that of the data set the shards were made from',
    source: 'unidiag data prepare',
    facts: ['Images are those of the shards; verify the release itself for what is wrong in it'],
    read: async (dir) => [await readPrepared(dir, true)],
    anyVariant: false,
  },
  webdataset: {
    licence: OWN,
    source: OWN,
    facts: ['Read with the default keys: text and answer'],
    read: async (dir) => {
      const faults: Fault[] = []
      const shards = await findSplitFiles(dir, ['.tar'], faults)
      return [await readShards('webdataset', shards, { text: 'text', answer: 'answer', fields: [] }, faults)]
    },
    anyVariant: false,
  },
}

/** Every file of the folder. */
async function readMedmnistFolder(dir: string): Promise<Release[]> {
  const files = (await readdir(dir).catch(() => [])).filter((name) => name.endsWith('.npz')).sort()
  if (files.length > 0) return Promise.all(files.map((name) => readMedmnist(join(dir, name), 'what does the image show?')))
  const none = new ReleaseBuilder()
  await find(dir, ['pneumoniamnist.npz'], none.faults)
  return [none.build('')]
}
