import { mkdtempSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunEvent } from '@unidiag/core/events'
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
