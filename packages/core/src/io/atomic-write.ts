import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { UniDiagError } from '../errors.js'

/**
 * Writes a file so that a kill or a full disk at any moment leaves either the old content or the new:
 * to a temporary name in the same folder, flushed, renamed, and the rename flushed.
 * @throws UniDiagError FILE_UNWRITABLE
 */
export async function atomicWrite(file: string, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  try {
    await writeAndRename(file, write)
  } catch (error) {
    throw unwritable(file, error)
  }
}

/** The error for a file that the system would not write; any other error as it is. */
export function unwritable(file: string, error: unknown): unknown {
  if (!(error instanceof Error && 'errno' in error)) return error
  return new UniDiagError('FILE_UNWRITABLE', `cannot write ${file}: ${error.message}`, { cause: error })
}

async function writeAndRename(file: string, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  const folder = dirname(file)
  const temporary = `${file}.tmp`
  await mkdir(folder, { recursive: true })
  const handle = await open(temporary, 'w')
  try {
    await write(handle)
    await handle.sync()
  } catch (error) {
    await handle.close()
    await rm(temporary, { force: true })
    throw error
  }
  await handle.close()
  await rename(temporary, file)
  await syncFolder(folder)
}

/** Without it the rename itself could be lost when the machine dies. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
