import { afterAll, expect } from 'vitest'
import { wrongEngine } from './takes-backend.js'

// After each test file: a test that computes on one engine only would never be seen to be missing on another.
afterAll(() => {
  const { [Symbol.for('unidiag.backend')]: started } = globalThis as { [key: symbol]: { name: string } | undefined }
  expect(wrongEngine(expect.getState().testPath ?? '', started?.name, process.env.UNIDIAG_TEST_BACKEND ?? '')).toBeUndefined()
})
