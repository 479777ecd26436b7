import { createHash } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunEvent } from '@unidiag/core/events'
import { readSafetensors } from '@unidiag/core/io/safetensors'
import type { FileTensor } from '@unidiag/core/nn/parameter'
import { afterAll } from 'vitest'

/** A folder for the tests of a file, removed after them. @returns paths below it */
export function scratch(): (...path: string[]) => string {
  const dir = mkdtempSync(join(tmpdir(), 'unidiag-test-'))
  afterAll(() => rm(dir, { recursive: true }))
  return (...path) => join(dir, ...path)
}

/** What a run told, of its log. */
export async function eventsOf(run: string): Promise<RunEvent[]> {
  const lines = (await readFile(join(run, 'events.jsonl'), 'utf8')).trim().split('\n')
  return lines.map((line) => JSON.parse(line))
}

export type Told<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>

export const told = <T extends RunEvent['type']>(events: readonly RunEvent[], type: T): Told<T>[] =>
  events.filter((event): event is Told<T> => event.type === type)

/** A digest of the bits of every tensor, by name. */
export function digests(tensors: ReadonlyMap<string, FileTensor>): Record<string, string> {
  const digest = ({ data: { buffer, byteOffset, byteLength } }: FileTensor) =>
    createHash('sha256')
      .update(new Uint8Array(buffer, byteOffset, byteLength))
      .digest('hex')
      .slice(0, 16)
  return Object.fromEntries(Array.from(tensors, ([name, tensor]) => [`${name} [${tensor.shape}]`, digest(tensor)]))
}

/** What a checkpoint of a run holds: tensors as digests, and where the run stood. */
export async function checkpointOf(run: string, kind: 'last' | 'best'): Promise<{ tensors: Record<string, string>; state: unknown }> {
  const { tensors, metadata } = await readSafetensors(join(run, `${kind}.safetensors`))
  return { tensors: digests(tensors as ReadonlyMap<string, FileTensor>), state: JSON.parse(metadata.state) }
}
