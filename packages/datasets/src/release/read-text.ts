import { readFile } from 'node:fs/promises'
import type { Fault } from './fault.js'

/** The text of a UTF-8 file without its byte order mark; a file that cannot be read or is empty is a fault and gives `undefined`. */
export async function readText(file: string, faults: Fault[]): Promise<string | undefined> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    faults.push({ code: 'DATA_MISSING', file, reason: code === 'ENOENT' ? 'the file does not exist' : `the file cannot be read (${code})` })
    return undefined
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    if (text.trim() !== '') return text
    faults.push({ code: 'DATA_MALFORMED', file, at: '1:1', reason: 'the file is empty' })
  } catch {
    faults.push({ code: 'DATA_MALFORMED', file, reason: 'the file is not UTF-8 text' })
  }
  return undefined
}
