import { expect, it } from 'vitest'
import { expectedCalibrationError } from './calibration.js'

it('is the mean gap between confidence and accuracy over bins', () => {
  // Bins of a half: 0.4 and 0.5 below, 0.6, 0.9 and 1 above.
  const confidences = [0.4, 0.5, 0.6, 0.9, 1]
  const credits = [0, 1, 1, 1, 0]
  expect(expectedCalibrationError(confidences, credits, undefined, 2)).toBeCloseTo((Math.abs(1 - 0.9) + Math.abs(2 - 2.5)) / 5)
  expect(expectedCalibrationError(confidences, credits, [2, 0, 0, 0, 3], 2)).toBeCloseTo((0.8 + 3) / 5)
})

it('is 0 for a model that is as sure as it is right, and 1 for one that is sure and wrong', () => {
  expect(expectedCalibrationError([0.75, 0.75, 0.75, 0.75], [1, 1, 0, 1])).toBeCloseTo(0)
  expect(expectedCalibrationError([1, 1], [0, 0])).toBe(1)
  expect(expectedCalibrationError([0], [0])).toBe(0)
})
