import { z } from 'zod'

/** A text with its runs of white space (tabs and line ends too) made one space each. */
export const text = z.string().transform((value) => value.replace(/\s+/g, ' ').trim())

/** Answers are written as strings or as numbers. */
export const answer = z.union([z.string(), z.number()]).transform(String)

/** `OPEN` or `CLOSED` in any case, with blanks around. */
export const answerType = z
  .string()
  .transform((value) => value.trim().toLowerCase())
  .pipe(z.enum(['open', 'closed']))

/** The path of an image below the image folder; one that leads out of the folder is refused. */
export const imageName = z
  .string()
  .refine((name) => /^[^/\\\0]+(\/[^/\\\0]+)*$/.test(name) && !name.split('/').includes('..'), 'not a path below the image folder')

/** Question numbers: integers, or strings of digits. */
export const rowId = z.union([z.int(), z.string().regex(/^\d+$/)]).transform(String)

/** The cells that say something: neither empty nor the string "NULL". */
export function known(cells: Readonly<Record<string, string | null | undefined>>): Record<string, string> {
  const said = Object.entries(cells).flatMap(([name, value]) => (value == null || value.trim() === '' || value === 'NULL' ? [] : [[name, value.trim()]]))
  return Object.fromEntries(said)
}
