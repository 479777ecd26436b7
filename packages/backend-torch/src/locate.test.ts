import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { locateTorch } from './locate.js'

const folders: string[] = []

function folder(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'torch-'))
  folders.push(root)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(root, name, '..'), { recursive: true })
    writeFileSync(join(root, name), text)
  }
  return root
}

const headers = { 'include/ATen/core/Tensor.h': '', 'lib/libtorch_cpu.so': '' }

describe('locateTorch', () => {
  afterEach(() => {
    for (const root of folders.splice(0)) rmSync(root, { recursive: true })
  })

  it('reads version, ABI and CUDA of a folder', () => {
    const root = folder({
      ...headers,
      'include/torch/csrc/api/include/torch/version.h': '#define TORCH_VERSION_MAJOR 1\n#define TORCH_VERSION_MINOR 13\n#define TORCH_VERSION_PATCH 1\n',
      'share/cmake/Torch/TorchConfig.cmake': 'set(TORCH_CXX_FLAGS "-D_GLIBCXX_USE_CXX11_ABI=0")',
      'lib/libtorch_cuda.so': '',
    })
    expect(locateTorch(root, [])).toMatchObject({ version: '1.13.1', cxx11Abi: false, cuda: true, origin: 'option `torch`' })
  })

  it('finds libraries in a multiarch folder', () => {
    const root = folder({ 'include/ATen/core/Tensor.h': '', 'lib/x86_64-linux-gnu/libtorch_cpu.so': '', 'build-version': '2.1.0\n' })
    expect(locateTorch(root, [])).toMatchObject({ version: '2.1.0', cxx11Abi: true, cuda: false, cxx: 17 })
  })

  it('knows the C++ that the headers ask for', () => {
    const guard = (cxx: string) => `#if !defined(_MSC_VER) && __cplusplus < ${cxx}L\n#error C++ or later compatible compiler is required\n#endif\n`
    const cxx = (version: string) => locateTorch(folder({ ...headers, 'include/ATen/ATen.h': guard(version), 'lib/libtorch_cpu.so': '' }), [])?.cxx
    expect([cxx('201402'), cxx('201703'), cxx('202002')]).toEqual([17, 17, 20])
  })

  it('says what is missing, and looks nowhere else when a place is named', () => {
    const passed: string[] = []
    expect(locateTorch(folder({}), passed)).toBeUndefined()
    expect(locateTorch(folder({ 'include/ATen/core/Tensor.h': '' }), passed)).toBeUndefined()
    expect(passed).toEqual([expect.stringMatching(/no libtorch headers in/), expect.stringMatching(/no libtorch_cpu library in/)])
  })
})
