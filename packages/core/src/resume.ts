import type { Checkpoint } from './checkpoint.js'
import { UniDiagError } from './errors.js'
import type { ResolvedConfig } from './resolved-config.js'

/**
 * Refuses a checkpoint of another configuration. The folder and the run's name may differ; versions may, and are returned.
 * @returns notes about versions that differ @throws UniDiagError RESUME_MISMATCH naming the differing keys
 */
export function checkResume(saved: Checkpoint, config: ResolvedConfig, meaning: Readonly<Record<string, unknown>>): string[] {
  const differing = differences(
    { seed: saved.config.seed, plugins: byEntry(saved.config), ...saved.meaning },
    { seed: config.seed, plugins: byEntry(config), ...plain(meaning) },
  )
  if (differing.length > 0) {
    const shown = differing.slice(0, 12).map((d) => `${d.at}: was ${show(d.was)}, is ${show(d.is)}`)
    const more = differing.length > 12 ? `\n  and ${differing.length - 12} more` : ''
    throw new UniDiagError('RESUME_MISMATCH', `the run in ${saved.file} was started with another configuration:\n  ${shown.join('\n  ')}${more}`)
  }
  return differences(saved.config.versions, config.versions).map((d) => `resumed with another version of ${d.at}: was ${show(d.was)}, is ${show(d.is)}`)
}

/** Plugins by entry, so that a difference is named by what the user wrote; a second one of the same entry gets a number. */
function byEntry(config: ResolvedConfig): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const plugin of config.plugins)
    for (const [entry, options] of Object.entries(plugin)) {
      let key = entry
      for (let n = 2; key in out; n++) key = `${entry}#${n}`
      out[key] = options
    }
  return out
}

interface Difference {
  readonly at: string
  readonly was: unknown
  readonly is: unknown
}

function differences(was: unknown, is: unknown, at = ''): Difference[] {
  if (isObject(was) && isObject(is))
    return [...new Set([...Object.keys(was), ...Object.keys(is)])].flatMap((key) =>
      differences(was[key], is[key], at === '' || at === 'plugins' ? key : `${at}.${key}`),
    )
  return JSON.stringify(was) === JSON.stringify(is) ? [] : [{ at, was, is }]
}

const isObject = (x: unknown): x is Record<string, unknown> => typeof x === 'object' && x !== null && !Array.isArray(x)

const plain = (x: Readonly<Record<string, unknown>>): Record<string, unknown> => JSON.parse(JSON.stringify(x))

const show = (x: unknown): string => {
  const text = x === undefined ? 'not there' : JSON.stringify(x)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}
