/**
 * Names of the host arrays that parts of the system exchange in a batch. A plugin may add keys of its own, prefixed by its name.
 * B samples, L text length, N patches, K kept patches, M masked text positions of the whole batch.
 */
export const batchKeys = {
  /** `[B, H, W, 3]` float32, normalised. */
  image: 'image',
  /** `[B, L]` int32 ids and 1/0 padding mask. */
  textIds: 'text.ids',
  textMask: 'text.mask',
  /** `[B, L]` int32: ids after masking, and original ids at masked places (-100 elsewhere). */
  maskedTextIds: 'text.masked.ids',
  maskedTextLabels: 'text.masked.labels',
  /** `[M]` int32: indices into the flattened `[B * L]` of places whose label is not -100. */
  maskedTextPositions: 'text.masked.positions',
  /** `[B, K]` int32 kept patches in shuffled order; `[B, N]` int32 argsort of the shuffle; `[B, N]` float32 1 = removed, raster order. */
  imageKeep: 'image.keep',
  imageRestore: 'image.restore',
  imageRemoved: 'image.removed',
} as const
