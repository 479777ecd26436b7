/** What becomes of the names of a file that `from` matches. The first rule that matches counts. */
export interface Rule {
  readonly from: RegExp
  /** Name here; `$1` stands for a group of `from`. */
  readonly to?: string
  /** Group of `from` that says `q`, `k` or `v`: part of the rows of what is one matrix here. */
  readonly part?: number
  /** Why the name is left out. */
  readonly skip?: string
}

/** By the name here: the names in the file whose rows follow each other; mostly one. */
export type Sources = ReadonlyMap<string, readonly string[]>
/** Names in the file that are left out, and why. */
export type Skipped = ReadonlyMap<string, string>

/**
 * @param names names to look at, by the names in the file that they stand for
 * @param others what is said of names that no rule matches
 */
export function applyRules(
  names: ReadonlyMap<string, string>,
  rules: readonly Rule[],
  others: string,
): { weights: Map<string, readonly string[]>; skipped: Map<string, string> } {
  const weights = new Map<string, readonly string[]>()
  const skipped = new Map<string, string>()
  const stacked = new Map<string, Map<string, string>>()
  for (const [file, name] of names) {
    const rule = rules.find(({ from }) => from.test(name))
    if (rule?.to === undefined) {
      skipped.set(file, rule?.skip ?? others)
      continue
    }
    const to = name.replace(rule.from, rule.to)
    if (weights.has(to)) skipped.set(file, `${weights.get(to)} is ${to} already`)
    else if (rule.part === undefined) weights.set(to, [file])
    else stacked.set(to, (stacked.get(to) ?? new Map()).set(rule.from.exec(name)![rule.part], file))
  }
  for (const [to, parts] of stacked) {
    const rows = ['q', 'k', 'v'].map((part) => parts.get(part))
    if (rows.every((file) => file !== undefined)) weights.set(to, rows)
    else for (const file of parts.values()) skipped.set(file, `${to} needs queries, keys and values`)
  }
  return { weights, skipped }
}
