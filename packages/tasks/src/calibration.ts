/** Equal-width bins of confidence, as many as Guo et al. 2017 use. */
export const CALIBRATION_BINS = 15

/**
 * Expected calibration error (Guo et al. 2017, Eq. 3): the mean gap between confidence and accuracy over bins of confidence, weighted by their sizes.
 * @param credits 1 = right @param weights how often each sample counts; once when left out
 */
export function expectedCalibrationError(
  confidences: ArrayLike<number>,
  credits: ArrayLike<number>,
  weights?: ArrayLike<number>,
  bins = CALIBRATION_BINS,
): number {
  const gaps = new Float64Array(bins)
  let total = 0
  for (let i = 0; i < credits.length; i++) {
    const weight = weights?.[i] ?? 1
    // Bins are open below and closed above.
    const bin = Math.min(bins - 1, Math.max(0, Math.ceil(confidences[i] * bins) - 1))
    gaps[bin] += weight * (credits[i] - confidences[i])
    total += weight
  }
  return gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / total
}
