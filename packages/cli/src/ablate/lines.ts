import { UniDiagError } from '@unidiag/core/errors'
import type { ConfigItem, ConfigItems } from '../config-items.js'
import { lastPart } from '../known-entries.js'
import { applyOverrides } from '../overrides.js'

/** One line of the table: a config, and what tells it apart. */
export interface Line {
  /** Also its folder: `plain`, `td-calib+gm-coord`, `alpha=0.3`. */
  readonly name: string
  /** The first columns of its row, by heading. */
  readonly cells: Readonly<Record<string, string>>
  readonly plugins: readonly ConfigItem[]
}

/** What is varied. */
export interface Axis {
  readonly name: string
  /** The first one is what the others are compared with. */
  readonly lines: readonly Line[]
}

const PARTS = [
  ['MR-Pretrain', '@unidiag/pretrain/mr-pretrain'],
  ['TD-Calib', '@unidiag/tuning/td-calib'],
  ['GM-Coord', '@unidiag/tuning/gm-coord'],
] as const

/** Indices of PARTS: nothing, each alone, pairs, all (P Tables 4 and 5; which pair stands on which of lines 5 to 7 cannot be read there). */
const SUBSETS = [[], [0], [1], [2], [1, 2], [0, 2], [0, 1], [0, 1, 2]]

/**
 * The lines of an ablation.
 * @param axis `parts`; `alpha=0.1,0.5` (of Eq. 7, in every stage that reconstructs: P Figure 5); or any other setting of a plugin, `gm-coord.beta=0.1,0.2`
 * @throws UniDiagError OPTION_INVALID
 */
export function ablationAxis(config: ConfigItems, axis: string): Axis {
  if (axis === 'parts') return { name: 'parts', lines: partLines(config.plugins) }
  const split = axis.indexOf('=')
  const [setting, values] = [axis.slice(0, Math.max(0, split)), axis.slice(split + 1).split(',')]
  if (setting === '' || values.includes('') || new Set(values).size !== values.length)
    throw new UniDiagError('OPTION_INVALID', `--axis ${axis}: expected parts, or a setting and its values`, {
      fix: 'Write for example --axis parts, --axis alpha=0.1,0.5,0.9 or --axis gm-coord.beta=0.1,0.2.',
    })
  const paths = setting === 'alpha' ? reconstructing(config.plugins).map((plugin) => `${plugin}.alpha`) : [setting]
  const lines = values.map((value) => {
    const { plugins } = applyOverrides(
      config,
      paths.map((path) => `${path}=${value}`),
    )
    return { name: `${setting}=${value.replaceAll(/[^\w.+-]/g, '_')}`, cells: { [setting]: value }, plugins }
  })
  return { name: setting, lines }
}

function partLines(plugins: readonly ConfigItem[]): Line[] {
  const missing = PARTS.filter(([, entry]) => !plugins.some((plugin) => plugin.entry === entry)).map(([, entry]) => lastPart(entry))
  if (missing.length > 0)
    throw new UniDiagError('OPTION_INVALID', `the config has no ${missing.join(' and no ')}; an ablation leaves parts out of the whole method`, {
      fix: 'Give a config that lists mr-pretrain, td-calib and gm-coord, or vary a setting with --axis.',
    })
  return SUBSETS.map((subset) => {
    const has = (entry: string) => subset.some((part) => PARTS[part][1] === entry)
    return {
      name: subset.map((part) => lastPart(PARTS[part][1])).join('+') || 'plain',
      cells: Object.fromEntries(PARTS.map(([heading, entry]) => [heading, has(entry) ? '✓' : ''])),
      plugins: plugins.filter(({ entry }) => has(entry) || !PARTS.some(([, part]) => part === entry)),
    }
  })
}

function reconstructing(plugins: readonly ConfigItem[]): string[] {
  const found = plugins.map(({ entry }) => lastPart(entry)).filter((name) => name === 'mr-pretrain' || name === 'td-calib')
  if (found.length > 0) return found
  throw new UniDiagError('OPTION_INVALID', 'the config has no stage with an alpha', { fix: 'Give a config that lists mr-pretrain or td-calib.' })
}
