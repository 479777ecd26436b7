/** How much each modality contributes to the right answers: sums of softmax(logits)[ground truth] (Eq. 10). */
export interface Contributions {
  readonly text: number
  readonly image: number
}

export interface Coefficients {
  /** Contribution of text over that of the image (Eq. 11); the image's is the inverse. */
  readonly rhoText: number
  /** What gradients of each side are multiplied by (Eq. 12). */
  readonly kText: number
  readonly kImage: number
}

/**
 * Eq. 11 and 12: the dominant side is damped by k = 1 - tanh(beta * rho), the other keeps k = 1.
 * @param imageOnTie the released code damps the image when both contribute the same; Eq. 12 damps neither
 */
export function coefficients({ text, image }: Contributions, beta: number, imageOnTie: boolean): Coefficients {
  const rhoText = text === image ? 1 : text / image
  const damp = (rho: number): number => 1 - Math.tanh(beta * rho)
  return {
    rhoText,
    kText: rhoText > 1 ? damp(rhoText) : 1,
    kImage: rhoText < 1 || (imageOnTie && rhoText === 1) ? damp(1 / rhoText) : 1,
  }
}
