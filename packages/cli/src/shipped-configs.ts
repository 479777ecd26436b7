import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../presets', import.meta.url))

/** Names of the complete configs that come with the command. */
export const shippedConfigs: readonly string[] = readdirSync(folder).map((file) => basename(file, '.yaml'))

/** The file of a config that comes with the command; undefined when there is none of that name, or a file of one's own has it. */
export function shippedConfig(name: string): string | undefined {
  return shippedConfigs.includes(name) && !existsSync(name) ? join(folder, `${name}.yaml`) : undefined
}
