import { createReadStream } from 'node:fs'
import type { Fault } from './fault.js'

export interface Line {
  /** From 1. */
  readonly number: number
  readonly text: string
}

/**
 * The lines of a UTF-8 file of any size, without byte order mark and line ends. A file that cannot be read, holds no text or is not UTF-8 is a fault;
 * lines before the fault are given.
 */
export async function* readLines(file: string, faults: Fault[]): AsyncGenerator<Line> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let rest = ''
  let number = 0
  let blank = true
  const line = (text: string): Line => {
    blank &&= text.trim() === ''
    return { number: ++number, text: text.endsWith('\r') ? text.slice(0, -1) : text }
  }
  try {
    for await (const bytes of createReadStream(file, { highWaterMark: 1 << 20 })) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
      rest = lines.pop()!
      for (const text of lines) yield line(text)
    }
    rest += decoder.decode()
    if (rest !== '') yield line(rest)
    if (blank) faults.push({ code: 'DATA_MALFORMED', file, at: '1:1', reason: 'the file is empty' })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') faults.push({ code: 'DATA_MALFORMED', file, reason: `the file is not UTF-8 text after line ${number}` })
    else faults.push({ code: 'DATA_MISSING', file, reason: code === 'ENOENT' ? 'the file does not exist' : `the file cannot be read (${code})` })
  }
}
