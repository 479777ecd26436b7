import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { afterAll, expect, it } from 'vitest'

const root = new URL('..', import.meta.url).pathname
const file = `${root}test/readme-tour.generated.mjs`
const out = `${root}runs/readme-tour`

afterAll(() => {
  for (const path of [file, out]) rmSync(path, { recursive: true, force: true })
})

it('the tour of the README runs as printed and ends with scores', () => {
  const [, code] = /```ts\n(import \{ compose[\s\S]*?)```/.exec(readFileSync(`${root}README.md`, 'utf8'))!
  writeFileSync(file, code.replace("'runs/tour'", JSON.stringify(out)))
  const printed = execFileSync(process.execPath, [file], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  const scores = printed.split('\n').filter((line) => /^0(\.\d+)?$|^1$/.test(line))
  expect(scores.length).toBeGreaterThanOrEqual(2)
})
