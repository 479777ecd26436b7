/** The composition of a run as plain data: saved beside its checkpoints, and accepted back as a config file. */
export interface ResolvedConfig {
  readonly name?: string
  readonly seed: number
  readonly out?: string
  /** One entry a plugin, with every option that was set or defaulted. */
  readonly plugins: readonly Readonly<Record<string, unknown>>[]
  /** Versions of Node and of the packages the plugins come from. */
  readonly versions: Readonly<Record<string, string>>
}
