import type { Picture } from './picture.js'

/** Which values become black and white. */
export interface Window {
  readonly center: number
  readonly width: number
  /** How values in between become grey: VOI LUT functions of DICOM (PS3.3 C.11.2.1.2, C.11.2.1.3); `linear` when left out. */
  readonly shape?: 'linear' | 'linear-exact' | 'sigmoid'
}

/** How images with more than 8 bits, and volumes, are shown. */
export interface View {
  /** In the units of the image, such as Hounsfield units; when left out, the window that a file names, or all of its values. */
  readonly window?: Window
  /** The plane in which volumes are cut. */
  readonly plane: 'axial' | 'coronal' | 'sagittal'
}

export const defaultView: View = { plane: 'axial' }

interface GreyOptions {
  readonly width: number
  readonly height: number
  readonly window?: Window
  /** Black and white where there is no window; the lowest and the highest value when left out. */
  readonly range?: { readonly low: number; readonly high: number }
  /** A value that says nothing about the range. */
  readonly ignored?: number
  /** Whether low values are white. */
  readonly inverted?: boolean
}

/** 8 bits from values of any range, after the window. */
export function greyPicture(values: Float64Array, { width, height, window, range, ignored, inverted = false }: GreyOptions): Picture {
  let { low, high } = range ?? { low: Number.POSITIVE_INFINITY, high: Number.NEGATIVE_INFINITY }
  if (window?.shape === 'linear-exact') {
    low = window.center - window.width / 2
    high = window.center + window.width / 2
  } else if (window) {
    low = window.center - 0.5 - (window.width - 1) / 2
    high = window.center - 0.5 + (window.width - 1) / 2
  } else if (!range) {
    for (const value of values) {
      if (value === ignored || !Number.isFinite(value)) continue
      if (value < low) low = value
      if (value > high) high = value
    }
  }
  const scale = high > low ? 255 / (high - low) : 0
  const sigmoid = window?.shape === 'sigmoid' ? window : undefined
  const data = new Uint8Array(values.length)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    const grey = sigmoid
      ? Math.round(255 / (1 + Math.exp((-4 * (value - sigmoid.center)) / sigmoid.width)))
      : Number.isNaN(value) || value <= low
        ? 0
        : value >= high
          ? 255
          : Math.round((value - low) * scale)
    data[i] = inverted ? 255 - grey : grey
  }
  return { data, width, height, channels: 1 }
}
