import { readFile } from 'node:fs/promises'
import { UniDiagError } from '@unidiag/core/errors'
import { z } from 'zod'

/** Where a tokenizer's file is. */
export const tokenizerFileOptions = {
  /** The file. */
  file: z.string().min(1).optional(),
  /** A folder that holds it. */
  dir: z.string().min(1).optional(),
}

export const hasOneOf = ({ file, dir }: { file?: string | undefined; dir?: string | undefined }): boolean => (file === undefined) !== (dir === undefined)
export const giveOne = 'give either `file` or `dir`'

/** @throws UniDiagError DATA_MISSING */
export async function readTokenizerFile(file: string, fix: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new UniDiagError('DATA_MISSING', `no tokenizer at ${file}: ${(cause as Error).message}`, { cause, fix })
  }
}
