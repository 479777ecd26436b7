import { z } from 'zod'

/** Name of the file that says that a folder of shards is complete; and of the one that says that it is being written. */
export const MANIFEST = 'prepared.json'
export const UNFINISHED = 'preparing.json'

const sample = z.strictObject({
  /** Position in the split. */
  at: z.int().nonnegative(),
  id: z.string(),
  imageId: z.string(),
  text: z.string(),
  answers: z.array(z.string()).optional(),
  answerType: z.enum(['open', 'closed']).optional(),
  fields: z.record(z.string(), z.string()).optional(),
  /** Length of the text in tokens, where the config had a tokenizer. */
  tokens: z.int().nonnegative().optional(),
})

/** A line of the index of a shard: an image, and the samples that show it. */
export const indexLine = z.strictObject({
  /** Name, place and size of the member that holds it; left out when it could not be read. */
  member: z.string().optional(),
  offset: z.int().nonnegative().optional(),
  size: z.int().nonnegative().optional(),
  /** Why it could not be read. */
  lost: z.string().optional(),
  /** The file it was made from, as it was then. */
  source: z.strictObject({ file: z.string(), size: z.number(), modified: z.number() }).optional(),
  samples: z.array(sample).min(1),
})
export type IndexLine = z.output<typeof indexLine>

const shard = z.strictObject({
  split: z.string(),
  /** The archive; its index has the same name with `.jsonl` in place of `.tar`. */
  file: z.string(),
  bytes: z.int().positive(),
  images: z.int().nonnegative(),
  lost: z.int().nonnegative(),
})
export type ShardEntry = z.output<typeof shard>

/** Lengths of texts in tokens. */
const tokens = z.strictObject({ longest: z.int(), mean: z.number(), p99: z.int() })
export type TokenLengths = z.output<typeof tokens>

/** What a complete folder of shards says about itself. */
export const manifest = z.strictObject({
  format: z.literal('unidiag-shards'),
  version: z.literal(1),
  name: z.string(),
  synthetic: z.boolean(),
  /** Hash of texts, ids, sizes and times of image files, and how they were prepared. */
  fingerprint: z.string(),
  cut: z.enum(['square', 'whole']),
  /** What the loader says that pixels depend on: the side of squares, the view of DICOM files and volumes. */
  recipe: z.record(z.string(), z.unknown()),
  /** Fingerprint of the tokenizer that counted. */
  tokenizer: z.string().optional(),
  splits: z.record(z.string(), z.strictObject({ samples: z.int(), images: z.int(), lost: z.int(), tokens: tokens.optional() })),
  shards: z.array(shard),
})
export type Manifest = z.output<typeof manifest>
