import { chmod, cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A folder of its own for the running test, removed with it. */
export async function temporaryFolder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'unidiag-'))
  onTestFinished(() => rm(dir, { recursive: true, force: true }))
  return dir
}

/** A copy of a release that the running test may break. */
export async function copyOf(release: string): Promise<string> {
  const dir = await temporaryFolder()
  await cp(release, dir, { recursive: true })
  // The original may be read-only, and a copy keeps that.
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  for (const entry of entries) await chmod(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644)
  return dir
}
