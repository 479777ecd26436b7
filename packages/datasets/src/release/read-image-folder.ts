import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import type { Sample } from '@unidiag/core/contracts/dataset'
import { dicomTexts } from '../image/dicom/dicom-texts.js'
import { imageExtension } from '../image/image-extensions.js'
import { text } from './cells.js'
import type { Fault } from './fault.js'
import { type Release, ReleaseBuilder } from './release.js'
import { splitOf } from './split-files.js'

export interface ImageFolderOptions {
  /** Text of images without a text file; `{folder}` is the name of the folder they are in. */
  readonly text?: string
  /** Whether the name of the folder is the answer to the text. */
  readonly answer: boolean
  /** Elements of DICOM files that become fields, by the names of the fields. */
  readonly tags: Readonly<Record<string, string>>
}

/** The text beside an image, or `undefined` when there is none. */
async function readTextBeside(file: string, faults: Fault[]): Promise<string | undefined> {
  const beside = `${file.slice(0, -imageExtension(file)!.length)}.txt`
  const bytes = await readFile(beside).catch(() => undefined)
  if (!bytes) return undefined
  try {
    return text.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    faults.push({ code: 'DATA_MALFORMED', file: beside, reason: 'the file is not UTF-8 text' })
    return ''
  }
}

/** Fields from a DICOM file; a file of another kind, or one that is damaged (which its image will show), has none. */
async function readTags(file: string, tags: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  if (Object.keys(tags).length === 0 || imageExtension(file) !== '.dcm') return {}
  try {
    return dicomTexts(await readFile(file), tags)
  } catch {
    return {}
  }
}

/** Reads all images below a folder. Folders on top that are named for splits are splits; without any, all images are for training. */
export async function readImageFolder(name: string, dir: string, options: ImageFolderOptions): Promise<Release> {
  const release = new ReleaseBuilder()
  const { faults } = release
  const top = await readdir(dir, { withFileTypes: true }).catch(() => undefined)
  if (!top) {
    faults.push({ code: 'DATA_MISSING', file: dir, reason: 'the folder does not exist' })
    return release.build('folder')
  }
  const named = top.filter((entry) => entry.isDirectory() && splitOf(entry.name) !== undefined).map((entry) => entry.name)
  const folders = named.length > 0 ? named.map((folder) => [splitOf(folder)!, join(dir, folder)] as const) : [['train', dir] as const]
  for (const [split, folder] of folders) {
    const entries = await readdir(folder, { withFileTypes: true, recursive: true })
    const files = entries
      .filter((entry) => entry.isFile() && !entry.name.startsWith('.') && imageExtension(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
    const samples: Sample[] = []
    for (const file of files) {
      const imageId = relative(dir, file).replaceAll(sep, '/')
      const label = dirname(file) === folder ? undefined : dirname(file).split(sep).at(-1)!
      const said = (await readTextBeside(file, faults)) ?? options.text?.replaceAll('{folder}', label ?? '') ?? ''
      samples.push({
        id: `${name}/${imageId}`,
        imageId,
        image: { file },
        text: text.parse(said),
        ...(options.answer && { answers: label === undefined ? [] : [label] }),
        fields: { ...(label !== undefined && { folder: label }), ...(await readTags(file, options.tags)) },
      })
    }
    release.imageFolders.push(folder)
    release.add(split, folder, [...(release.splits.get(split) ?? []), ...samples])
  }
  if (![...release.splits.values()].some((samples) => samples.length > 0))
    faults.push({ code: 'DATA_MISSING', file: dir, reason: release.leftOut.length > 0 ? 'no image has a text' : 'no image is there' })
  return release.build('folder')
}
