import { Random } from '@unidiag/core/random'
import { describe, expect, it } from 'vitest'
import { paint } from './paint.js'
import { type Finding, findings, modalities, organs, type Scene } from './scene.js'

const SIZE = 32
const scene = (over: Partial<Scene>): Scene => ({ modality: 'ct', organ: 'chest', lesion: undefined, ...over })
const withLesion = (finding: Finding, side: 'left' | 'right', extent: 'small' | 'large') => scene({ lesion: { finding, side, extent } })

/** The mean image of a scene over many paintings: what does not change from one to the next. */
function meanOf(of: Scene): Float64Array {
  const mean = new Float64Array(SIZE * SIZE)
  for (let i = 0; i < 40; i++) for (const [at, value] of paint(of, SIZE, 0.04, new Random(1).rng(i)).entries()) mean[at] += value / 40
  return mean
}
const distance = (a: Float64Array, b: Float64Array) => Math.hypot(...a.map((value, i) => value - b[i])) / SIZE
const changeOn = (side: 'left' | 'right', a: Float64Array, b: Float64Array) =>
  a.reduce((sum, value, i) => sum + (i % SIZE >= SIZE / 2 === (side === 'right') ? Math.abs(value - b[i]) : 0), 0)

describe('paint', () => {
  it('paints each modality, organ and finding differently, by more than noise', () => {
    const kinds = [
      ...modalities.map((modality) => scene({ modality })),
      ...organs.filter((organ) => organ !== 'chest').map((organ) => scene({ organ })),
      ...findings.flatMap((finding) => [withLesion(finding, 'left', 'small'), withLesion(finding, 'left', 'large')]),
    ].map(meanOf)
    const again = meanOf(scene({ modality: 'mr' }))
    expect(distance(kinds[1], again)).toBe(0)
    for (const [i, a] of kinds.entries()) for (const b of kinds.slice(i + 1)) expect(distance(a, b)).toBeGreaterThan(3)
  })

  it.each(findings)("shows a %s of the patient's left on the right of the image", (finding) => {
    const normal = meanOf(scene({}))
    for (const [side, shown, other] of [
      ['left', 'right', 'left'],
      ['right', 'left', 'right'],
    ] as const) {
      const mean = meanOf(withLesion(finding, side, 'large'))
      expect(changeOn(shown, mean, normal)).toBeGreaterThan(4 * changeOn(other, mean, normal))
    }
  })

  it.each(findings)('makes a large %s larger than a small one', (finding) => {
    const normal = meanOf(scene({}))
    const change = (extent: 'small' | 'large') => changeOn('right', meanOf(withLesion(finding, 'left', extent)), normal)
    expect(change('large')).toBeGreaterThan(1.4 * change('small'))
  })

  it('never paints the same scene twice in the same way', () => {
    expect(paint(scene({}), SIZE, 0, new Random(1).rng('a'))).not.toEqual(paint(scene({}), SIZE, 0, new Random(1).rng('b')))
    expect(paint(scene({}), SIZE, 0, new Random(1).rng('a'))).toEqual(paint(scene({}), SIZE, 0, new Random(1).rng('a')))
  })
})
