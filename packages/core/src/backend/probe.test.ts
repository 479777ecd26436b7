import { probeBackends } from '@unidiag/core/backend/backend'
import { expect, it } from 'vitest'

// Imported by package name: the probes are processes that load the built module.
it('probes every backend in a process of its own', async () => {
  const probes = await probeBackends()
  expect(probes.map(({ name }) => name)).toEqual(['torch-gpu', 'tensorflow-gpu', 'torch', 'tensorflow', 'webgpu', 'wasm', 'cpu'])
  for (const { name, usable, problem, fix } of probes) {
    if (name === 'wasm' || name === 'cpu') expect({ name, usable }).toEqual({ name, usable: true })
    else if (!usable) expect([problem, fix]).toEqual([expect.stringContaining(name), expect.any(String)])
  }
})
