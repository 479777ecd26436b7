import { type FileHandle, open } from 'node:fs/promises'
import type { ImageSource } from '@unidiag/core/contracts/dataset'
import type { TarMember } from './tar-members.js'

/** The bytes of a member. @throws Error when the archive ends before them */
export async function readMember(file: FileHandle, { offset, size }: Pick<TarMember, 'offset' | 'size'>): Promise<Uint8Array> {
  const bytes = new Uint8Array(size)
  const { bytesRead } = await file.read(bytes, 0, size, offset)
  if (bytesRead < size) throw new Error('the file ends too early')
  return bytes
}

/**
 * An image of an archive, read whenever it is asked for.
 * @param side of the square, where it is a prepared one
 */
export function memberImage(shard: string, member: TarMember, side?: number): ImageSource {
  const encoded = async (): Promise<Uint8Array> => {
    const file = await open(shard)
    try {
      return await readMember(file, member)
    } finally {
      await file.close()
    }
  }
  return { name: `${shard}:${member.name}`, encoded, ...(side !== undefined && { side }) }
}
