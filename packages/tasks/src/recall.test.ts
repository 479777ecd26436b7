import { describe, expect, it } from 'vitest'
import { ranks, recallAt, shortlists } from './recall.js'

describe('ranks', () => {
  // Images a, b, c; texts of b, a, b, c.
  const images = ['a', 'b', 'c']
  const texts = ['b', 'a', 'b', 'c']
  const scores = [
    [0.9, 0.1, 0.2, 0.3],
    [0.5, 0.8, 0.4, 0.1],
    [0.1, 0.2, 0.9, 0.0],
  ].flat()

  it('ranks images for texts, and the best of its texts for an image', () => {
    const found = ranks(scores, images, texts)
    expect([...found.textToImage]).toEqual([2, 3, 2, 3])
    expect([...found.imageToText]).toEqual([4, 2, 4])
  })

  it('lets the first of equal scores rank first, and NaN last', () => {
    const same = ranks(new Float32Array(12), images, texts)
    expect([...same.textToImage]).toEqual([2, 1, 2, 3])
    expect([...same.imageToText]).toEqual([2, 1, 4])
    const broken = ranks(
      scores.map((score, i) => (i === 0 ? Number.NaN : score)),
      images,
      texts,
    )
    expect(broken.textToImage[0]).toBe(1)
    expect(ranks([Number.NaN, 1, 0, 1], ['a', 'b'], ['a', 'b']).textToImage[0]).toBe(2)
  })

  it('never finds what is not there', () => {
    const found = ranks([1, 1], ['a', 'z'], ['a'])
    expect([...found.imageToText]).toEqual([1, Number.POSITIVE_INFINITY])
    expect([...ranks([1], ['a'], ['y']).textToImage]).toEqual([Number.POSITIVE_INFINITY])
  })
})

describe('shortlists', () => {
  // Images a, b, c by rows; texts of b, a, b, c.
  const similarity = [
    [0.9, 0.1, 0.2, 0.3],
    [0.5, 0.8, 0.2, 0.1],
    [0.1, 0.2, 0.9, 0.3],
  ].flat()

  it('hold the most similar candidates of each query, of equal ones the first, in ascending order', () => {
    const { byText, byImage } = shortlists(similarity, 3, 4, 2)
    expect(byText.map((found) => [...found])).toEqual([
      [0, 1],
      [1, 2],
      [0, 2],
      [0, 2],
    ])
    expect(byImage.map((found) => [...found])).toEqual([
      [0, 3],
      [0, 1],
      [2, 3],
    ])
    expect(shortlists(similarity, 3, 4, 9).byText[0]).toHaveLength(3)
  })

  it('are all that is ranked', () => {
    const [images, texts] = [
      ['a', 'b', 'c'],
      ['b', 'a', 'b', 'c'],
    ]
    const scores = Float32Array.from({ length: 12 }, (_, i) => 12 - i)
    const found = ranks(scores, images, texts, shortlists(similarity, 3, 4, 2))
    // Scores fall from image to image and from text to text.
    expect([...found.textToImage]).toEqual([2, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 2])
    expect([...found.imageToText]).toEqual([Number.POSITIVE_INFINITY, 1, 2])
  })
})

it('recallAt is the weighted share of ranks up to k', () => {
  const found = Float64Array.of(1, 3, 7, Number.POSITIVE_INFINITY)
  expect([1, 5, 10].map((k) => recallAt(found, k))).toEqual([0.25, 0.5, 0.75])
  expect(recallAt(found, 5, (i) => [0, 2, 0, 1][i])).toBeCloseTo(2 / 3)
})
