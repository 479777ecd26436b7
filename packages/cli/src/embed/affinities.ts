import { type Matrix, rowsOf } from './matrix.js'

/** Place of the pair `i < j` of `n` things in a list of all pairs. */
export const pairIndex = (i: number, j: number, n: number): number => i * n - (i * (i + 1)) / 2 + j - i - 1

/**
 * How near points are, as probabilities of pairs (van der Maaten & Hinton, JMLR 2008, Eqs. 1 and 2 and Section 3.1): a Gaussian around each point, as wide as
 * its perplexity asks for, and the mean of both directions.
 * @returns for each pair `i < j` (`pairIndex`) p_ij; both directions of all pairs sum to 1
 */
export function jointProbabilities(points: Matrix, perplexity: number): Float32Array {
  const rows = rowsOf(points)
  const n = rows.length
  const distances = squaredDistances(rows)
  const joint = new Float32Array(distances.length)
  const row = new Float64Array(n)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) row[j] = i === j ? Number.POSITIVE_INFINITY : distances[i < j ? pairIndex(i, j, n) : pairIndex(j, i, n)]
    conditional(row, Math.log(perplexity))
    for (let j = 0; j < n; j++) if (i !== j) joint[i < j ? pairIndex(i, j, n) : pairIndex(j, i, n)] += row[j] / (2 * n)
  }
  return joint
}

function squaredDistances(rows: readonly Float32Array[]): Float32Array {
  const n = rows.length
  const out = new Float32Array((n * (n - 1)) / 2)
  let at = 0
  for (let i = 0; i < n; i++)
    for (let j = i + 1; j < n; j++) {
      const [a, b] = [rows[i], rows[j]]
      let sum = 0
      for (let k = 0; k < a.length; k++) sum += (a[k] - b[k]) ** 2
      out[at++] = sum
    }
  return out
}

const TRIES = 100
const TOLERANCE = 1e-5

/** Squared distances of one point to the others become probabilities of the wanted entropy (nats), by bisection of the precision. */
function conditional(row: Float64Array, entropy: number): void {
  const nearest = row.reduce((a, b) => Math.min(a, b))
  let [precision, low, high] = [1, 0, Number.POSITIVE_INFINITY]
  const weights = new Float64Array(row.length)
  let total = 0
  for (let i = 0; i < TRIES; i++) {
    total = 0
    let moment = 0
    // Distances count from the nearest point: a common factor cancels, and nothing underflows for all at once.
    for (let j = 0; j < row.length; j++) {
      weights[j] = Math.exp(-precision * (row[j] - nearest))
      total += weights[j]
      if (weights[j] > 0) moment += weights[j] * (row[j] - nearest)
    }
    const difference = Math.log(total) + (precision * moment) / total - entropy
    if (Math.abs(difference) <= TOLERANCE) break
    if (difference > 0) low = precision
    else high = precision
    precision = high === Number.POSITIVE_INFINITY ? 2 * precision : (low + high) / 2
  }
  for (let j = 0; j < row.length; j++) row[j] = weights[j] / total
}
