import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { errorCodes, UniDiagError } from './errors.js'

const packages = fileURLToPath(new URL('../../', import.meta.url))
const sources = readdirSync(packages)
  .map((name) => join(packages, name, 'src'))
  .flatMap((folder) => {
    try {
      return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file))
    } catch {
      return []
    }
  })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.endsWith(join('core', 'src', 'errors.ts')))
  .map((file) => ({ file, text: readFileSync(file, 'utf8') }))
const codes = Object.keys(errorCodes)

describe('the table of errors', () => {
  it('sees the sources', () => {
    expect(sources.length).toBeGreaterThan(50)
  })

  it('has every code that is raised', () => {
    const raised = sources.flatMap(({ file, text }) => [...text.matchAll(/new UniDiagError\(\s*['"`]([^'"`]+)/g)].map(([, code]) => ({ file, code })))
    expect(raised.length).toBeGreaterThan(20)
    expect(raised.filter(({ code }) => !codes.includes(code))).toEqual([])
  })

  it.each(codes)('raises %s somewhere', (code) => {
    expect(sources.some(({ text }) => text.includes(`'${code}'`))).toBe(true)
  })

  it.each(Object.entries(errorCodes))('explains %s in full sentences', (_, { cause, fix }) => {
    for (const sentence of [cause, fix]) expect(sentence).toMatch(/^[A-Z`].*\.$/)
  })
})

describe('UniDiagError', () => {
  it('carries code, fix and cause', () => {
    const cause = new Error('why')
    const error = new UniDiagError('IMAGE_UNREADABLE', 'a.png is truncated', { cause })
    expect(error).toMatchObject({ name: 'UniDiagError', code: 'IMAGE_UNREADABLE', message: 'a.png is truncated', fix: errorCodes.IMAGE_UNREADABLE.fix, cause })
    expect(error).toBeInstanceOf(Error)
    expect(new UniDiagError('IMAGE_UNREADABLE', 'x', { fix: 'do this' }).fix).toBe('do this')
    expect('cause' in new UniDiagError('IMAGE_UNREADABLE', 'x')).toBe(false)
  })
})
