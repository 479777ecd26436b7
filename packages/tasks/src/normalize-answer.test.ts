import { describe, expect, it } from 'vitest'
import { contractions } from './contractions.js'
import { normalizeAnswer } from './normalize-answer.js'

describe('normalizeAnswer', () => {
  // What the reference's glossary.py makes of them.
  it.each([
    ['no.', 'no'],
    ['x-ray', 'x ray'],
    ['xr - plain film', 'xr plain film'],
    ['mr - t1w w/gadolinium', 'mr t1w w gadolinium'],
    ['1,000', '1000'],
    ['the left lung, right lung', 'left lung right lung'],
    ['ten', '10'],
    ['none', '0'],
    ['dont know', "don't know"],
    ['axial/coronal', 'axial coronal'],
    ['0.5 cm', '0.5 cm'],
    ['approx. 4.5 cm.', 'approx 4.5 cm'],
    ['5-6', '5 6'],
    ['a', ''],
    ['heart (enlarged)', 'heart enlarged'],
    ['c.t. scan', 'ct scan'],
    ['t2?', 't2'],
    ['12,500 ml/day', '12500 mlday'],
  ])('%j becomes %j', (raw, expected) => {
    expect(normalizeAnswer(raw)).toBe(expected)
  })

  it('lower-cases and trims what a release writes by hand', () => {
    expect(normalizeAnswer(' Yes ')).toBe('yes')
    expect(normalizeAnswer('12')).toBe('12')
  })

  it('knows the contractions of the VQA evaluation', () => {
    // 120 entries less the two that map to themselves.
    expect(contractions.size).toBe(118)
    expect(normalizeAnswer("couldnt've")).toBe("couldn't've")
    expect(normalizeAnswer("couldn'tve")).toBe("couldn't've")
    expect(normalizeAnswer("somebody'd")).toBe('somebodyd')
    expect(normalizeAnswer('twas')).toBe("'twas")
    expect(normalizeAnswer("let's")).toBe("let's")
  })

  it('keeps words that an object inherits from its prototype', () => {
    expect(normalizeAnswer('constructor')).toBe('constructor')
  })
})
