/** Run lengths of one segment (PackBits). */
function unpack(bytes: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length)
  let to = 0
  for (let at = 0; at < bytes.length && to < length; ) {
    const code = bytes[at++]
    if (code < 128) {
      const literal = bytes.subarray(at, at + Math.min(code + 1, length - to))
      out.set(literal, to)
      to += literal.length
      at += code + 1
    } else if (code > 128) {
      const end = Math.min(to + 257 - code, length)
      out.fill(bytes[at++], to, end)
      to = end
    }
  }
  if (to < length) throw new Error('the pixel data end too early')
  return out
}

/**
 * A frame of run lengths (PS3.5 G): one segment for each byte of each sample, the most significant first.
 * @returns samples of a plane together, bytes little-endian
 */
export function decodeRle(bytes: Uint8Array, pixels: number, samples: number, bytesPerSample: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const segments = bytes.length < 64 ? 0 : view.getUint32(0, true)
  if (segments !== samples * bytesPerSample) throw new Error(`expected ${samples * bytesPerSample} segments of run lengths, found ${segments}`)
  // Two bytes stand for 128 at most: memory is taken only for what can be there.
  if (bytes.length * 64 < pixels * segments) throw new Error('the pixel data end too early')
  const out = new Uint8Array(pixels * segments)
  for (let segment = 0; segment < segments; segment++) {
    const start = view.getUint32(4 + segment * 4, true)
    const end = segment + 1 < segments ? view.getUint32(8 + segment * 4, true) : bytes.length
    const plane = unpack(bytes.subarray(start, end), pixels)
    const sample = Math.floor(segment / bytesPerSample)
    const byte = bytesPerSample - 1 - (segment % bytesPerSample)
    for (let i = 0; i < pixels; i++) out[(sample * pixels + i) * bytesPerSample + byte] = plane[i]
  }
  return out
}
