export interface StepPlan {
  /** Optimiser steps of the stage, and of a whole epoch. */
  readonly steps: number
  readonly epochs: number
  readonly stepsPerEpoch: number
  /** Index of the first batch of the step that follows `step` done ones. */
  firstBatch(step: number): number
  /** Whether an accumulation window ends with this batch: windows are cut at the end of an epoch. */
  endsWindow(batchIndex: number): boolean
  /** Whether an epoch ends with the `step`-th step. */
  endsEpoch(step: number): boolean
}

/** Where accumulation windows and epochs begin and end; everything follows from the position, so that a resume needs to know only that. */
export function stepPlan(o: { batchesPerEpoch: number; accumulate: number; epochs?: number | undefined; steps?: number | undefined }): StepPlan {
  const stepsPerEpoch = Math.ceil(o.batchesPerEpoch / o.accumulate)
  const whole = (o.epochs ?? (o.steps === undefined ? 1 : Number.POSITIVE_INFINITY)) * stepsPerEpoch
  const steps = stepsPerEpoch === 0 ? 0 : Math.min(whole, o.steps ?? Number.POSITIVE_INFINITY)
  return {
    steps,
    epochs: stepsPerEpoch === 0 ? 0 : Math.ceil(steps / stepsPerEpoch),
    stepsPerEpoch,
    firstBatch: (step) => Math.floor(step / stepsPerEpoch) * o.batchesPerEpoch + (step % stepsPerEpoch) * o.accumulate,
    endsWindow(batchIndex) {
      const inEpoch = (batchIndex % o.batchesPerEpoch) + 1
      return inEpoch % o.accumulate === 0 || inEpoch === o.batchesPerEpoch
    },
    endsEpoch: (step) => step % stepsPerEpoch === 0,
  }
}
