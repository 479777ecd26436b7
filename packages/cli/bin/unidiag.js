#!/usr/bin/env node
import { existsSync } from 'node:fs'

const main = new URL('../dist/main.js', import.meta.url)
if (existsSync(main)) await import(main.href)
else {
  console.error('error: unidiag is not built yet\nfix: run `npm run setup` in the root of the repository.')
  process.exitCode = 3
}
