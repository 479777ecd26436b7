import type { RunEvent } from '../events.js'
import { describeScore } from './describe-score.js'
import { duration, number } from './format.js'

/** What happened, in plain words; nothing for steps (there are too many) and for `last` checkpoints. */
export function describeEvent(event: RunEvent): string[] {
  switch (event.type) {
    case 'run-start':
      return [
        `${event.resumed ? 'resumed: ' : ''}${event.stages.join(', ') || 'no stages'}; ${number(event.parameters)} parameters on ${event.backend}, seed ${event.seed}`,
        ...(event.out ? [`files go to ${event.out}`] : []),
      ]
    case 'stage-start':
      return [
        `${event.stage}: ${number(event.samples)} samples in batches of ${event.batchSize}, ${number(event.steps)} steps in ${counted(event.epochs, 'epoch')}${
          event.resumedAt > 0 ? `, from step ${event.resumedAt}` : ''
        }`,
      ]
    case 'sample-lost':
      return [`${event.stage}: sample ${event.id} is left out: ${event.reason}`]
    case 'score':
      return [`${event.stage}, after epoch ${event.epoch}:`, ...describeScore(event.score).map((line) => `  ${line}`)]
    case 'checkpoint':
      return event.kind === 'best' ? [`${event.stage}: best so far, saved to ${event.file}`] : []
    case 'note':
      return [event.stage ? `${event.stage}: ${event.message}` : event.message]
    case 'stage-end':
      return [`${event.stage}: done in ${duration(event.seconds)}`]
    case 'run-end':
      return [`done in ${duration(event.seconds)}${event.out ? `; files are in ${event.out}` : ''}`]
    case 'step':
      return []
  }
}

const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`
