const BLOCK = 512

/** The header of a file in a tar archive (POSIX ustar). @param name ASCII, 100 characters at most */
export function tarHeader(name: string, size: number): Uint8Array {
  const header = Buffer.alloc(BLOCK)
  const put = (at: number, value: string): number => header.write(value, at, 'ascii')
  put(0, name)
  put(100, '0000644\0')
  put(108, '0000000\0')
  put(116, '0000000\0')
  put(124, `${size.toString(8).padStart(11, '0')}\0`)
  // The same bytes whenever they are written: the time is that of the epoch.
  put(136, '00000000000\0')
  put(148, '        ')
  put(156, '0')
  put(257, 'ustar\0')
  put(263, '00')
  const sum = header.reduce((total, byte) => total + byte, 0)
  put(148, `${sum.toString(8).padStart(6, '0')}\0 `)
  return header
}

/** What fills the last block of a file of this size. */
export const tarPadding = (size: number): Uint8Array => new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK)

/** What ends an archive. */
export const tarEnd = (): Uint8Array => new Uint8Array(2 * BLOCK)

/** Bytes before the content of a file. */
export const TAR_HEADER = BLOCK
