import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Score } from '@unidiag/core/contracts/task'
import { UniDiagError } from '@unidiag/core/errors'
import type { RunEvent } from '@unidiag/core/events'

/** A run that has been scored. */
export interface ScoredRun {
  readonly folder: string
  readonly seed: number
  readonly score: Score
  /** The config as text without what tells runs of the same experiment apart: seed, name, folder, and versions. */
  readonly experiment: string
}

/**
 * Reads the last score of a run folder.
 * @param split whose score; that of the run's last score when left out
 * @throws UniDiagError DATA_MISSING, DATA_MALFORMED
 */
export async function readRun(folder: string, split: string | undefined): Promise<ScoredRun> {
  const [configFile, eventsFile] = [join(folder, 'config.json'), join(folder, 'events.jsonl')]
  const [config, lines] = await Promise.all([readText(configFile), readText(eventsFile)])
  const scores = lines.split('\n').flatMap((line, i) => scoreOf(line, `${eventsFile}, line ${i + 1}`))
  const score = scores.findLast(({ protocol }) => split === undefined || protocol.split === split)
  if (!score) {
    const splits = [...new Set(scores.map(({ protocol }) => protocol.split))].join(', ')
    throw new UniDiagError('DATA_MISSING', `${eventsFile} has no score${split === undefined ? '' : ` of the split "${split}"`}`, {
      fix: splits === '' ? 'Let the run come to its end.' : `Take a split that was scored: ${splits}.`,
    })
  }
  const { seed, name: _name, out: _out, versions: _versions, ...experiment } = parse(config, configFile) as Record<string, unknown>
  return { folder, seed: Number(seed ?? 0), score, experiment: JSON.stringify(experiment) }
}

function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause) => {
    throw new UniDiagError('DATA_MISSING', `there is no ${file}`, {
      fix: 'Give folders that `unidiag run` has written, from a config that lists the plugin jsonl.',
      cause,
    })
  })
}

function scoreOf(line: string, where: string): Score[] {
  if (line.trim() === '') return []
  const event = parse(line, where) as RunEvent
  return event.type === 'score' ? [event.score] : []
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new UniDiagError('DATA_MALFORMED', `${where} is not JSON`, { cause })
  }
}
