import type { AnyPlugin } from '@unidiag/core/plugin'
import { readConfigFile } from './config-file.js'
import { readConfigItems } from './config-items.js'
import { applyOverrides } from './overrides.js'
import { makePlugins } from './plugin-entry.js'
import { shippedConfig } from './shipped-configs.js'

/**
 * What a config file holds. A plugin is named by its package entry (`@unidiag/encoders/clip-vit`; ours also by the last part, `clip-vit`) or by
 * the path of a module of one's own (`./my-loss.ts`), with its options beside it; a TypeScript config may also hold plugins themselves.
 * A string anywhere in it that begins with `./` or `../` is a path relative to the folder of the config file.
 */
export interface UniDiagConfig {
  /** Names the run; the file or its folder when left out. */
  readonly name?: string
  /** 0 when left out. */
  readonly seed?: number
  /** Folder for checkpoints, events and the resolved config; `runs/<name>` when left out. */
  readonly out?: string
  /** `umd-paper` or `umd-code`: options below those that the plugins are given here (see `presets`). */
  readonly preset?: string
  readonly plugins: readonly ConfigPlugin[]
  /** Lists of further plugins by name, of which `variant` (or `--set variant=...`) chooses one; its name is part of the run's. */
  readonly variants?: Readonly<Record<string, readonly ConfigPlugin[]>>
  readonly variant?: string
  /** In a config that a run has saved: what it ran with. Not read. */
  readonly versions?: Readonly<Record<string, string>>
}

type ConfigPlugin = string | AnyPlugin | Readonly<Record<string, unknown>>

/** Gives a TypeScript config its type. @example export default defineConfig({ plugins: [{ 'clip-vit': { imageSize: 64 } }] }) */
export function defineConfig(config: UniDiagConfig): UniDiagConfig {
  return config
}

/** A config that is ready for `compose`. */
export interface LoadedConfig {
  readonly name: string
  readonly seed: number
  readonly out: string | undefined
  readonly plugins: readonly AnyPlugin[]
}

/**
 * Loads a config that ships with the command, by its name (`umd-paper`), or a config file (`.ts`, `.mts`, `.js`, `.mjs`, `.yaml`, `.yml`, `.json`) and imports its plugins, first as seen from the file, then from here.
 * @param set overrides, `path=value`: `seed=3`, `variant=slake`, `clip-vit.imageSize=64`, `synthetic[questions].samples.train=100`
 * @throws UniDiagError CONFIG_UNREADABLE, OPTION_INVALID, PLUGIN_UNKNOWN. Options of plugins are checked by `compose`.
 */
export async function loadConfig(file: string, { set = [] }: { set?: readonly string[] } = {}): Promise<LoadedConfig> {
  const path = shippedConfig(file) ?? file
  return prepareConfig(await readConfigFile(path), path, set)
}

/** Like `loadConfig`, of a config that is already in memory. @param from the file it came from */
export async function prepareConfig(config: unknown, from: string, set: readonly string[] = []): Promise<LoadedConfig> {
  const isVariant = (override: string) => override.startsWith('variant=')
  const variant = set.findLast(isVariant)?.slice('variant='.length)
  const items = applyOverrides(
    readConfigItems(config, from, variant),
    set.filter((override) => !isVariant(override)),
  )
  return { name: items.name, seed: items.seed, out: items.out, plugins: await makePlugins(items.plugins, from) }
}
