import { aten } from '../aten.js'
import type { KernelTable } from '../kernel.js'
import type { TorchData } from '../torch-data.js'

const complex = aten('complex')
const viewAsReal = aten('view_as_real')
const select = aten('select.int')
const fft = aten('_fft_c2c')
const zeros = aten('zeros_like')

// How _fft_c2c scales its result.
const BY_N = 2

const last = (x: TorchData): number[] => [x.shape.length - 1]

export const complexKernels: KernelTable = {
  Complex: ({ real, imag }) => complex(real, imag),
  Real: ({ input }) => (input!.dtype === 'complex64' ? select(viewAsReal(input), -1, 0) : input!),
  Imag: ({ input }) => (input!.dtype === 'complex64' ? select(viewAsReal(input), -1, 1) : zeros(input)),
  FFT: ({ input }) => fft(input, last(input!), 0, true),
  IFFT: ({ input }) => fft(input, last(input!), BY_N, false),
}
