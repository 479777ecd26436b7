/** Every plugin entry of the packages that come with the command. They may be named by their last part, and are what misspelt names are compared with. */
export const knownEntries: readonly string[] = [
  '@unidiag/core/backend/backend',
  '@unidiag/core/sinks/progress',
  '@unidiag/core/sinks/jsonl',
  ...['clip-vit', 'roberta', 'bert', 'co-attention', 'roberta-bpe', 'wordpiece', 'trained-bpe'].map((name) => `@unidiag/encoders/${name}`),
  ...['random-patch', 'text-mask', 'mim-decoder', 'mim', 'mlm', 'fea-mim', 'fea-mlm', 'itc', 'itm', 'ema-teacher', 'mr-pretrain', 'unmasked-tail'].map(
    (name) => `@unidiag/pretrain/${name}`,
  ),
  ...['td-calib', 'fine-tune', 'linear-probe', 'gm-coord', 'ogm-ge'].map((name) => `@unidiag/tuning/${name}`),
  ...['vqa', 'classification', 'retrieval'].map((name) => `@unidiag/tasks/${name}`),
  '@unidiag/weights/init',
  ...[
    'vqa-rad',
    'slake',
    'vqa-med-2019',
    'roco',
    'medicat',
    'melinda',
    'path-vqa',
    'medmnist',
    'table',
    'image-folder',
    'webdataset',
    'm3ae-arrow',
    'prepared',
    'synthetic',
    'images',
  ].map((name) => `@unidiag/datasets/${name}`),
]

/** The last part of an entry, by which `--set` and short names address it: `clip-vit` of `@unidiag/encoders/clip-vit`, `my-loss` of `./my-loss.ts`. */
export function lastPart(entry: string): string {
  return entry.slice(entry.lastIndexOf('/') + 1).replace(/\.[cm]?[jt]s$/, '')
}

/** The package entry that a short name stands for; anything else stays as it is. */
export function fullEntry(entry: string): string {
  return knownEntries.find((known) => lastPart(known) === entry) ?? entry
}
