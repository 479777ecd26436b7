import type { Features, Step } from '@unidiag/core/step'

/** Features of the slowly moving teacher for the undamaged pair, as a reconstruction target; no gradient flows into them (P(3), P(4)). */
export const teacherFeatures = (step: Step): Features => step.teacher({ image: 'full', text: 'full' })
