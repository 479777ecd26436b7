/** Where the drawing is on the image: shift in half images, and scale. */
export interface Placement {
  readonly x: number
  readonly y: number
  readonly scale: number
}

/**
 * A square grey drawing. Shapes are given in units of half the image, (-1, -1) at the upper left and (1, 1) at the lower right, and have edges one
 * pixel soft. A shape replaces what is below it.
 */
export class Canvas {
  readonly size: number
  /** `[size, size]`, 0 to 1. */
  readonly data: Float32Array
  readonly #placement: Placement

  constructor(size: number, placement: Placement, background: number) {
    this.size = size
    this.#placement = placement
    this.data = new Float32Array(size * size).fill(background)
  }

  ellipse(x: number, y: number, radiusX: number, radiusY: number, value: number): void {
    const [pixelsX, pixelsY] = [this.#length(radiusX), this.#length(radiusY)]
    const [centerX, centerY] = [this.#column(x), this.#row(y)]
    this.#fill(centerX - pixelsX, centerY - pixelsY, centerX + pixelsX, centerY + pixelsY, value, (column, row) => {
      const distance = Math.hypot((column - centerX) / pixelsX, (row - centerY) / pixelsY)
      return (1 - distance) * Math.min(pixelsX, pixelsY)
    })
  }

  /** The lower part of a rectangle, its upper edge sagging in the middle as the level of a fluid does. */
  basin(left: number, top: number, right: number, bottom: number, value: number): void {
    const [x0, y0, x1, y1] = [this.#column(left), this.#row(top), this.#column(right), this.#row(bottom)]
    const sag = 0.15 * (y1 - y0)
    this.#fill(x0, y0 - sag, x1, y1, value, (column, row) => {
      const across = (2 * (column - x0)) / (x1 - x0) - 1
      return Math.min(column - x0, x1 - column, y1 - row, row - y0 + sag * across * across)
    })
  }

  line(x0: number, y0: number, x1: number, y1: number, width: number, value: number): void {
    const [ax, ay, bx, by] = [this.#column(x0), this.#row(y0), this.#column(x1), this.#row(y1)]
    const half = this.#length(width) / 2
    const length = (bx - ax) ** 2 + (by - ay) ** 2
    this.#fill(Math.min(ax, bx) - half, Math.min(ay, by) - half, Math.max(ax, bx) + half, Math.max(ay, by) + half, value, (column, row) => {
      const along = Math.min(1, Math.max(0, ((column - ax) * (bx - ax) + (row - ay) * (by - ay)) / length))
      return half - Math.hypot(column - ax - along * (bx - ax), row - ay - along * (by - ay))
    })
  }

  /** Replaces each value; `x` and `y` are in units of half the image. */
  map(change: (value: number, x: number, y: number, index: number) => number): void {
    const { size, data } = this
    for (let i = 0; i < data.length; i++) {
      data[i] = change(data[i], ((i % size) + 0.5) * (2 / size) - 1, (Math.floor(i / size) + 0.5) * (2 / size) - 1, i)
    }
  }

  #length(units: number): number {
    return (units * this.#placement.scale * this.size) / 2
  }

  #column(x: number): number {
    return ((x * this.#placement.scale + this.#placement.x + 1) * this.size) / 2 - 0.5
  }

  #row(y: number): number {
    return ((y * this.#placement.scale + this.#placement.y + 1) * this.size) / 2 - 0.5
  }

  /** Fills where `inside` (pixels from the edge, negative outside) is positive. */
  #fill(left: number, top: number, right: number, bottom: number, value: number, inside: (column: number, row: number) => number): void {
    const { size, data } = this
    const [firstRow, lastRow] = [Math.max(0, Math.floor(top)), Math.min(size - 1, Math.ceil(bottom))]
    const [firstColumn, lastColumn] = [Math.max(0, Math.floor(left)), Math.min(size - 1, Math.ceil(right))]
    for (let row = firstRow; row <= lastRow; row++) {
      for (let column = firstColumn; column <= lastColumn; column++) {
        const share = Math.min(1, Math.max(0, inside(column, row) + 0.5))
        const at = row * size + column
        data[at] += share * (value - data[at])
      }
    }
  }
}
