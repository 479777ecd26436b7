import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

/** The folder of shared data beside the repository that the working directory is in, or undefined when there is none. */
export function sharedDir(): string | undefined {
  for (let dir = process.cwd(); ; dir = dirname(dir)) {
    if (existsSync(join(dir, 'pnpm-workspace.yaml'))) {
      const shared = resolve(dir, '..', 'shared')
      return existsSync(shared) ? shared : undefined
    }
    if (dir === dirname(dir)) return undefined
  }
}

/**
 * A `describe` whose tests read the folder of shared data. Without it they are skipped, saying so in one line; with CI=true they fail.
 * @param body gets the folder
 */
export function describeShared(name: string, body: (dir: string) => void): void {
  const dir = sharedDir()
  if (dir) {
    describe(name, () => body(dir))
    return
  }
  const reason = 'the folder ../shared is missing'
  if (process.env.CI === 'true') {
    describe(name, () => {
      it('finds its data', () => expect.fail(reason))
    })
    return
  }
  console.info(`skipped: ${name}: ${reason}`)
  describe.skip(`${name} (${reason})`, () => {
    it('needs ../shared', () => {})
  })
}
