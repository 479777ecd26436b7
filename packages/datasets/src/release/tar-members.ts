import type { FileHandle } from 'node:fs/promises'

const BLOCK = 512
/** Names and attributes of members, not their content. */
const MAX_EXTENSION = 2 ** 20

export interface TarMember {
  readonly name: string
  /** Where its bytes are in the archive. */
  readonly offset: number
  readonly size: number
}

const latin1 = new TextDecoder('latin1')
const utf8 = new TextDecoder()

/** A number of a header: octal digits, or (GNU) big-endian bytes behind a set top bit. */
function numberOf(field: Uint8Array): number {
  if (field[0] & 0x80) return field.subarray(1).reduce((sum, byte) => sum * 256 + byte, field[0] & 0x7f)
  const digits = latin1.decode(field).replace(/[\0 ]+/g, '')
  return /^[0-7]*$/.test(digits) ? Number.parseInt(digits || '0', 8) : Number.NaN
}

/** The text of a field up to its first zero byte. */
const textOf = (field: Uint8Array): string => utf8.decode(field).split('\0')[0]

function isIntact(header: Uint8Array): boolean {
  const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0)
  return sum === numberOf(header.subarray(148, 156))
}

/** `path` and `size` of a pax header: lines of `length key=value`. */
function paxOf(bytes: Uint8Array): { path?: string; size?: string } {
  const found: Record<string, string> = {}
  for (let at = 0; at < bytes.length; ) {
    const length = Number.parseInt(latin1.decode(bytes.subarray(at, at + 20)), 10)
    if (!(length > 0)) break
    const [, key, value] = /^\d+ ([^=]+)=([\s\S]*)\n$/.exec(utf8.decode(bytes.subarray(at, at + length))) ?? []
    if (key) found[key] = value
    at += length
  }
  return { path: found.path, size: found.size }
}

/**
 * The files of a tar archive (ustar, pax, GNU long names), without reading their bytes.
 * @throws Error when the archive is cut short or a header is damaged
 */
export async function* tarMembers(file: FileHandle): AsyncGenerator<TarMember> {
  const { size: end } = await file.stat()
  const read = async (position: number, length: number): Promise<Uint8Array> => {
    const bytes = new Uint8Array(length)
    const { bytesRead } = await file.read(bytes, 0, length, position)
    if (bytesRead < length) throw new Error('the archive is cut short')
    return bytes
  }
  let longName: string | undefined
  let pax: ReturnType<typeof paxOf> = {}
  if (end === 0) throw new Error('the file is empty')
  for (let at = 0; at < end; ) {
    const header = await read(at, BLOCK)
    // Two blocks of zeros end an archive; one is enough to know.
    if (header.every((byte) => byte === 0)) return
    const type = String.fromCharCode(header[156])
    const size = pax.size && type !== 'x' ? Number(pax.size) : numberOf(header.subarray(124, 136))
    if (!isIntact(header) || !Number.isSafeInteger(size)) throw new Error(`no header of a tar archive at byte ${at}`)
    const offset = at + BLOCK
    if (offset + size > end) throw new Error('the archive is cut short')
    at = offset + Math.ceil(size / BLOCK) * BLOCK
    if (type === 'L' || type === 'x') {
      if (size > MAX_EXTENSION) throw new Error(`a name of ${size} bytes at byte ${offset}`)
      const bytes = await read(offset, size)
      if (type === 'L') longName = textOf(bytes)
      else pax = paxOf(bytes)
      continue
    }
    if (type === '0' || type === '\0') {
      const prefix = latin1.decode(header.subarray(257, 262)) === 'ustar' ? textOf(header.subarray(345, 500)) : ''
      yield { name: pax.path ?? longName ?? `${prefix && `${prefix}/`}${textOf(header.subarray(0, 100))}`, offset, size }
    }
    longName = undefined
    pax = {}
  }
}
