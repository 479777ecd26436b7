/** What `unidiag data verify` found: plain data; names of files and ids of samples, never texts or pixels. */
export interface VerifyReport {
  readonly dataset: string
  readonly dir: string
  readonly licence: string
  /** Where the release comes from. */
  readonly source: string
  readonly variants: readonly VariantReport[]
  readonly images: ImagesReport
  /** What keeps samples or a whole split from being used. */
  readonly problems: readonly Problem[]
  /** What is so in the release, and good to know. */
  readonly notes: readonly string[]
}

export interface Problem {
  readonly kind: 'missing-file' | 'malformed' | 'missing-image' | 'broken-image'
  /** Relative to the folder of the release. */
  readonly file: string
  readonly reason: string
}

/** One reading of the release, e.g. the `mevf` split of VQA-RAD or the English questions of SLAKE. */
export interface VariantReport {
  readonly variant: string
  readonly splits: readonly SplitReport[]
  /** Groups of ids that share image, question and answer. */
  readonly duplicates: readonly (readonly string[])[]
  readonly leaks: readonly Leak[]
  /** Ids of rows without question or answer. */
  readonly leftOut: readonly string[]
}

export interface SplitReport {
  readonly split: string
  /** Questions, or captions where there are no answers. */
  readonly questions: number
  readonly images: number
  readonly open: number
  readonly closed: number
  /** Samples by licence, where a release or a column `licence` (or `license`) states it; those without are under `not stated`. */
  readonly licences?: Readonly<Record<string, number>>
  /** Texts most of whose letters are not Latin, where there are any. */
  readonly otherScripts?: number
  /** Questions none of whose answers occurs in train (case ignored). */
  readonly unseenAnswers: number
}

/** What two splits share. */
export interface Leak {
  readonly splits: readonly [string, string]
  /** Ids of images of both splits. */
  readonly images: readonly string[]
  /** Images of both splits that differ in name but not in content: ids in the first and in the second. */
  readonly sameContent: readonly (readonly [string, string])[]
  /** Samples of the second split whose image and question also occur in the first (case ignored). */
  readonly questions: readonly string[]
}

export interface ImagesReport {
  /** Images that questions and captions refer to. */
  readonly referenced: number
  readonly decoded: number
  /** Files that are not there. */
  readonly missing: number
  /** The lowest and the highest 8-bit value of all images; left out when none could be decoded. */
  readonly values?: { readonly low: number; readonly high: number }
  /** Images whose pixels all have one value. */
  readonly blank: readonly string[]
  /** Images that are not blank, but use less than an eighth of the values. */
  readonly narrow: readonly string[]
  /** Groups of images with the same pixels. */
  readonly duplicates: readonly (readonly string[])[]
  /** Files that no question refers to. */
  readonly unused: readonly string[]
}

/** What two splits of different data sets share. */
export interface SharedImages {
  /** Data set and split, first and second. */
  readonly between: readonly [string, string]
  /** Pairs of image ids, first and second, and why they are held to be one image. */
  readonly images: readonly { readonly ids: readonly [string, string]; readonly by: 'content' | 'looks' | 'name' }[]
}

/** Reports of several data sets, and what they share. */
export interface VerifyReports {
  readonly reports: readonly VerifyReport[]
  readonly shared: readonly SharedImages[]
}
