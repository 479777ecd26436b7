import { describe, expect, it } from 'vitest'
import { choosing, namesEngine, takesBackend, testFiles, wrongEngine } from './takes-backend.js'

const [computes, starts, reads] = ['packages/core/src/pipeline.test.ts', 'test/resume.test.ts', 'packages/core/src/random.test.ts']
const kernels = 'packages/core/src/backend/wasm-kernels.test.ts'

describe('the tests that run on every backend', () => {
  it('are those that take one, in this process or in another', () => {
    expect([computes, starts, reads, kernels].map(takesBackend)).toEqual([true, true, false, false])
    const taking = testFiles().filter(takesBackend)
    expect(taking).toEqual(expect.arrayContaining([computes, starts]))
    expect(taking.length).toBeGreaterThan(50)
  })

  it('name no engine themselves', () => {
    expect(testFiles().flatMap((file) => namesEngine(file) ?? [])).toEqual([])
  })

  it('leave out only what is there', () => {
    for (const path of choosing) expect(testFiles().filter((file) => file.includes(path)).length, path).toBeGreaterThan(0)
  })
})

describe('the engine that ran in a test file', () => {
  it('is the one that it was given', () => {
    expect(wrongEngine(computes, 'torch', 'torch')).toBeUndefined()
    expect(wrongEngine(computes, 'wasm', 'torch')).toMatch(/ran on wasm, not on torch/)
  })

  it('is none where nothing is taken', () => {
    expect(wrongEngine(reads, undefined, 'wasm')).toBeUndefined()
    expect(wrongEngine(reads, 'wasm', 'wasm')).toMatch(/only on wasm: take the backend by useBackend/)
  })

  it('is a matter of those that choose one', () => {
    expect(wrongEngine(kernels, 'wasm', 'torch')).toBeUndefined()
  })
})
