import { readSlake } from '../release/read-slake.js'
import { readVqaMed2019 } from '../release/read-vqa-med-2019.js'
import { readVqaRad } from '../release/read-vqa-rad.js'
import type { Release } from '../release/release.js'

/** A data set that can be verified. */
interface KnownRelease {
  readonly licence: string
  readonly source: string
  readonly facts: readonly string[]
  /** Every reading of the release. */
  read(dir: string): Promise<readonly Release[]>
  /** Whether one reading is enough, the others being other packagings of the same release. */
  readonly anyVariant: boolean
}

const SHARED = '42 images occur both in VQA-RAD and in VQA-Med-2019 (32 in its training split): do not train on one and test on the other without removing them'

export const releases: Readonly<Record<string, KnownRelease>> = {
  'vqa-rad': {
    licence: 'CC0 1.0',
    source: 'https://osf.io/89kps (the mevf split: https://github.com/aioz-ai/MICCAI19-MedVQA)',
    facts: ['The official split is by question, so most test images also occur in train', 'No validation split was ever published', SHARED],
    read: (dir) => Promise.all([readVqaRad(dir, 'mevf', 'if-there'), readVqaRad(dir, 'public')]),
    anyVariant: true,
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
  },
}
