import { Dataset } from '@unidiag/core/contracts/dataset'
import { definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'
import { readImageFolder } from './release/read-image-folder.js'
import { toDataset } from './release/release.js'

/**
 * A folder of images, DICOM files and volumes included. Folders in it named train, val (valid, validation, dev) and test are the splits; without any, all
 * images are for training. The text of `scan.png` is in `scan.txt` beside it.
 *
 * - `text`: for images without a text file, such as `an image of {folder}` with the name of the folder that holds the image; images without a text are left out
 * - `answer`: `folder` makes the name of the folder the answer, so that the text is a question
 * - `tags`: elements of DICOM files that become fields, such as `{ modality: '00080060' }`. No other text of a DICOM file is read
 */
export const imageFolder = definePlugin({
  name: '@unidiag/datasets/image-folder',
  provides: Dataset,
  options: z.strictObject({
    dir: z.string(),
    name: z.string().default('image-folder'),
    text: z.string().min(1).optional(),
    answer: z.enum(['none', 'folder']).default('none'),
    tags: z.record(z.string(), z.string().regex(/^[0-9a-f]{8}$/i, 'eight hexadecimal digits, such as 00080060')).default({}),
  }),
  setup: async ({ options: { dir, name, text, answer, tags } }): Promise<Dataset> =>
    toDataset(name, await readImageFolder(name, dir, { text, answer: answer === 'folder', tags })),
})
