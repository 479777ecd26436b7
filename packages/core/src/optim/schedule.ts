export interface ScheduleOptions {
  readonly kind: 'linear' | 'cosine' | 'constant'
  /** Share of the steps in which the factor rises linearly from 0. */
  readonly warmup: number
  /** Optimiser steps in all. */
  readonly steps: number
  /** What the factor ends at. */
  readonly endFactor?: number
}

/** Learning-rate factor of a step, counted from 0 (whose factor is 0 when there is a warm-up). */
export function schedule({ kind, warmup, steps, endFactor = 0 }: ScheduleOptions): (step: number) => number {
  const rising = Math.floor(warmup * steps)
  return (step) => {
    if (step < rising) return step / rising
    if (kind === 'constant') return 1
    const progress = Math.min(1, (step - rising) / Math.max(1, steps - rising))
    const left = kind === 'linear' ? 1 - progress : 0.5 * (1 + Math.cos(Math.PI * progress))
    return endFactor + (1 - endFactor) * left
  }
}
