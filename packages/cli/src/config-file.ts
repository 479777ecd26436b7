import { readFile } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { UniDiagError } from '@unidiag/core/errors'
import { suggest } from '@unidiag/core/suggest'
import { createJiti } from 'jiti'
import { LineCounter, parseDocument } from 'yaml'
import { shippedConfigs } from './shipped-configs.js'

/** Reads a config file of any of the accepted kinds as plain data. @throws UniDiagError CONFIG_UNREADABLE naming file, line and column */
export async function readConfigFile(file: string): Promise<unknown> {
  const kind = extname(file).toLowerCase()
  const read = readers[kind]
  if (!read) {
    const near = suggest(file, shippedConfigs)
    throw new UniDiagError(
      'CONFIG_UNREADABLE',
      `${file}: a config file ends in ${Object.keys(readers).join(', ')}; the configs that come with the command are ${shippedConfigs.join(', ')}`,
      { fix: near ? `Did you mean ${near}?` : 'Give a file of one of these kinds, or one of these names.' },
    )
  }
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    throw new UniDiagError('CONFIG_UNREADABLE', `cannot read the config ${resolve(file)}: ${(cause as Error).message}`, { cause, fix: 'Check the path.' })
  }
  return read(file, text)
}

const readers: Record<string, (file: string, text: string) => unknown> = {
  '.ts': importModule,
  '.mts': importModule,
  '.js': importModule,
  '.mjs': importModule,
  '.yaml': parseYaml,
  '.yml': parseYaml,
  '.json': parseJson,
}

async function importModule(file: string): Promise<unknown> {
  try {
    return await createJiti(import.meta.url).import(resolve(file), { default: true })
  } catch (cause) {
    throw new UniDiagError('CONFIG_UNREADABLE', `${file} cannot be imported: ${(cause as Error).message}`, { cause })
  }
}

function parseYaml(file: string, text: string): unknown {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const [error] = document.errors
  if (error) {
    const { line, col } = lines.linePos(error.pos[0])
    throw new UniDiagError('CONFIG_UNREADABLE', `${file}:${line}:${col}: ${error.message}`, { cause: error })
  }
  return document.toJS()
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const position = jsonFaultPosition(text, (cause as Error).message)
    const before = text.slice(0, position).split('\n')
    throw new UniDiagError('CONFIG_UNREADABLE', `${file}:${before.length}:${before[before.length - 1].length + 1}: ${(cause as Error).message}`, { cause })
  }
}

/**
 * Where `JSON.parse` stopped. Its message names the position or not, by the kind of fault and the version of Node; then it is the end of the longest
 * start of the text that could still become JSON: one that fails at its end only.
 */
function jsonFaultPosition(text: string, message: string): number {
  const named = /at position (\d+)/.exec(message)
  if (named) return Number(named[1])
  let [good, bad] = [0, text.length + 1]
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    if (couldGoOn(text.slice(0, middle))) good = middle
    else bad = middle
  }
  return good
}

function couldGoOn(start: string): boolean {
  try {
    JSON.parse(start)
    return true
  } catch (error) {
    const { message } = error as Error
    return /end of JSON input/.test(message) || Number(/at position (\d+)/.exec(message)?.[1]) === start.length
  }
}
