import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** The smallest config of the whole method. */
export const wholeMethod = fileURLToPath(new URL('configs/whole-method.yaml', import.meta.url))

/** The same config without the lines of some plugins. */
export async function without(...plugins: string[]): Promise<string> {
  const lines = (await readFile(wholeMethod, 'utf8')).split('\n')
  const named = (line: string) => / {2}- ([\w-]+)/.exec(line)?.[1]
  return lines.filter((line) => !plugins.includes(named(line) ?? '')).join('\n')
}
