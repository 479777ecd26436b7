/**
 * Every error that UniDiag raises on purpose, in one table: `code`, what causes it, how to solve it.
 * The table is documentation; `errors.test.ts` keeps it complete.
 */
export const errorCodes = {
  OPTION_INVALID: {
    cause: 'An option of a plugin or of a config file is missing, of the wrong type or unknown.',
    fix: 'Follow the list in the message: each line names the option, what was expected and the nearest valid name.',
  },
  CONFIG_UNREADABLE: {
    cause: 'A config file is missing or is not valid TypeScript, YAML or JSON.',
    fix: 'Check the path and the line that the message names.',
  },
  PLUGIN_UNKNOWN: {
    cause: 'A config names a plugin entry that cannot be imported or exports no plugin.',
    fix: 'Install the package, or correct the name; the message lists the nearest ones.',
  },
  PLUGIN_MISSING: { cause: 'A plugin needs a token that no plugin of the pipeline provides.', fix: 'Add one of the plugins that provide it.' },
  PLUGIN_DUPLICATE: {
    cause: 'Two plugins provide a token that holds one value, or two values have the same name.',
    fix: 'Remove one of them, or give them different names.',
  },
  PLUGIN_CYCLE: { cause: 'Plugins need each other in a circle.', fix: 'Break the circle that the message shows.' },
  PIPELINE_FROZEN: { cause: 'A composition was changed after it was composed, or a pipeline was run twice at the same time.', fix: 'Compose a new pipeline.' },
  BACKEND_UNAVAILABLE: { cause: 'The tfjs engine that was asked for cannot load here.', fix: 'Do what the message says for that cause, or use `auto`.' },
  OUT_OF_MEMORY: {
    cause: 'The engine cannot get the memory that an operator needs, on the processor or on the GPU.',
    fix: 'Use a smaller `batchSize` (with more of `accumulate`), smaller images or `precision: bf16`, or free the memory that other programs hold.',
  },
  TFJS_DUPLICATE: {
    cause: 'Two copies of @tensorflow/tfjs-core are loaded in this process.',
    fix: 'Install exactly one version (dedupe), for example with an override in package.json.',
  },
  TENSOR_SHAPE: { cause: 'A tensor does not have the shape or width that the next part expects.', fix: 'Make the two widths in the message equal.' },
  IMAGE_SIZE: { cause: 'The image size is not a multiple of the patch size.', fix: 'Use one of the sizes that the message names.' },
  IMAGE_UNREADABLE: { cause: 'An image file is missing, truncated or of an unknown format.', fix: 'Restore the file; the run goes on without the sample.' },
  TEXT_EMPTY: { cause: 'A question or caption has no text.', fix: 'Give a text.' },
  TEXT_TOO_LONG: { cause: 'A text has more tokens than the text encoder has positions.', fix: 'Shorten the text, or train with a larger `maxLength`.' },
  DATA_MISSING: {
    cause: 'A folder or file of a data set does not exist.',
    fix: 'Point `dir` at the folder of the official release; the message lists what was looked for.',
  },
  DATA_MALFORMED: {
    cause: 'A file of a data set does not have the official layout.',
    fix: 'Download the file again, or repair the place that the message names.',
  },
  DATA_STALE: {
    cause: 'Prepared shards are unfinished, or what they were made from has changed since.',
    fix: 'Run `unidiag data prepare` again: it finishes what was begun; `--replace` starts anew.',
  },
  SPLIT_UNKNOWN: { cause: 'A split was asked for that the data set does not have.', fix: 'Use one of the splits in the message.' },
  SPLIT_FORBIDDEN: {
    cause: 'A stage was pointed at a split that would leak evaluation data into training.',
    fix: 'Use `train`, or say that you mean it with the option in the message.',
  },
  CHECKPOINT_INVALID: { cause: 'A weights file is damaged, hostile or not safetensors.', fix: 'Use another copy of the file.' },
  CHECKPOINT_MISMATCH: {
    cause: 'Weights do not fit the model: names are missing or shapes differ.',
    fix: 'Use the config that the checkpoint was made with; the message lists the first differences.',
  },
  FILE_UNWRITABLE: {
    cause: 'A file of a run cannot be written: its folder is not one or is not yours to write, or the disk is full.',
    fix: 'Choose another folder with `--out`, or make room; what was written before is intact.',
  },
  RESUME_MISMATCH: {
    cause: 'A run was asked to resume with another config than the one it was started with.',
    fix: 'Resume with the saved config, or start a new run.',
  },
  GRADIENT_NONFINITE: {
    cause: 'A loss or gradient became NaN or infinite.',
    fix: 'Lower the learning rate, or clip gradients; the last checkpoint is intact.',
  },
  NO_SAMPLES: { cause: 'A split is empty, or every sample of it failed to load.', fix: 'Check the data set with `unidiag data verify`.' },
} as const satisfies Record<string, { cause: string; fix: string }>

export type ErrorCode = keyof typeof errorCodes

/** The one error type of UniDiag: what happened (`message`), what to do (`fix`), and what it came from (`cause`). */
export class UniDiagError extends Error {
  readonly code: ErrorCode
  readonly fix: string

  constructor(code: ErrorCode, message: string, { fix, cause }: { fix?: string; cause?: unknown } = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'UniDiagError'
    this.code = code
    this.fix = fix ?? errorCodes[code].fix
  }
}
