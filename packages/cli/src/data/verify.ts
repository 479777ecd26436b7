import { compose } from '@unidiag/core/compose'
import { Dataset } from '@unidiag/core/contracts/dataset'
import { UniDiagError } from '@unidiag/core/errors'
import type { Pipeline } from '@unidiag/core/pipeline'
import { renderReport, renderShared, type VerifyReports, type VerifyTarget, verifiable, verifyDatasets } from '@unidiag/datasets/verify'
import { loadConfig } from '../config.js'
import { exitCodes } from '../exit-codes.js'
import { pluginsFor } from '../restore.js'
import { checkFolder } from './sources.js'

/** Data sets by name and folder, and those of configs. */
interface Targets {
  readonly targets: readonly VerifyTarget[]
  readonly opened: readonly Pipeline[]
}

async function targetsOf(words: readonly string[]): Promise<Targets> {
  const targets: VerifyTarget[] = []
  const opened: Pipeline[] = []
  const left = [...words]
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    if (verifiable.includes(word)) {
      const dir = left.shift()
      if (dir === undefined) throw new UniDiagError('OPTION_INVALID', `${word} needs its folder`, { fix: `Write: ${word} <folder>.` })
      await checkFolder(dir)
      targets.push({ name: word, dir })
    } else if (/\.\w+$/.test(word)) {
      const { plugins, seed } = await loadConfig(word)
      const pipeline = await compose({ plugins: pluginsFor([Dataset], plugins), seed })
      opened.push(pipeline)
      targets.push(...pipeline.getAll(Dataset).map((dataset) => ({ dataset })))
    } else throw new UniDiagError('OPTION_INVALID', `there is no data set "${word}" to verify`, { fix: `Use one of: ${verifiable.join(', ')}; or a config.` })
  }
  if (targets.length === 0) throw new UniDiagError('OPTION_INVALID', 'the config has no data set', { fix: 'Add one to the config.' })
  return { targets, opened }
}

const isWhole = ({ reports, shared }: VerifyReports): boolean => shared.length === 0 && reports.every(({ problems }) => problems.length === 0)

/** Prints a report, or of several data sets theirs and what they share. Ends with 1 when there are problems, or images that data sets share. */
export async function verify(words: readonly string[], json: boolean): Promise<void> {
  const { targets, opened } = await targetsOf(words)
  try {
    const found = await verifyDatasets(targets)
    const { reports, shared } = found
    if (json) console.log(JSON.stringify(reports.length > 1 ? found : reports[0], null, 2))
    else console.log([...reports.map(renderReport), ...(reports.length > 1 ? [renderShared(shared)] : [])].join('\n\n'))
    if (!isWhole(found)) process.exitCode = exitCodes.problems
  } finally {
    for (const pipeline of opened) await pipeline.close()
  }
}
