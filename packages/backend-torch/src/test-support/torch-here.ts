import { locateTorch } from '../locate.js'

const passed: string[] = []

/** Whether tests that need libtorch can run here, and else why not. */
export const torchHere = locateTorch(undefined, passed)
export const whyNot = torchHere ? '' : ` (skipped, no libtorch: ${passed.join('; ')})`
