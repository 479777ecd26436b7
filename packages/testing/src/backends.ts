import { type StartedBackend, startBackend } from '@unidiag/core/backend/backend'
import { beforeAll, describe } from 'vitest'

/** The backend that the tests of this process run on: UNIDIAG_TEST_BACKEND, wasm when it is not set. */
export const testBackend = (): StartedBackend['name'] => (process.env.UNIDIAG_TEST_BACKEND ?? 'wasm') as StartedBackend['name']

/** Starts the backend of this process before the tests of the file. */
export function useBackend(): void {
  beforeAll(async () => {
    await startBackend(testBackend())
  })
}

/** The same tests on every backend. A process has one, so vitest runs a file once a backend, in projects that set UNIDIAG_TEST_BACKEND (vitest.config.ts). */
export function describeBackends(name: string, body: (backend: StartedBackend['name']) => void): void {
  const backend = testBackend()
  describe(`${name} on ${backend}`, () => {
    useBackend()
    body(backend)
  })
}
