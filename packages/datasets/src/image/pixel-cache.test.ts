import { describe, expect, it } from 'vitest'
import { PixelCache } from './pixel-cache.js'

describe('PixelCache', () => {
  it('drops what was unused for longest, and counts bytes', () => {
    const cache = new PixelCache(30)
    for (const key of ['a', 'b', 'c']) cache.set(key, new Uint8Array(10))
    cache.get('a')
    cache.set('d', new Uint8Array(10))
    expect(cache.get('b')).toBeUndefined()
    expect(['a', 'c', 'd'].every((key) => cache.get(key))).toBe(true)
    cache.set('a', new Uint8Array(4))
    expect(cache.bytes).toBe(24)
  })

  it('does not keep what is larger than itself', () => {
    const cache = new PixelCache(10)
    cache.set('a', new Uint8Array(4))
    cache.set('b', new Uint8Array(11))
    expect(cache.get('b')).toBeUndefined()
    expect(cache.bytes).toBe(4)
  })
})
