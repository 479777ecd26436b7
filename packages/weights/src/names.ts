import type { StoredTensor } from '@unidiag/core/io/safetensors'
import type { FileTensor } from '@unidiag/core/nn/parameter'
import { blockName, hfClipRules, openAiClipRules } from './names/clip.js'
import { hfTextRules } from './names/hf-text.js'
import { m3aeRules, teacherPrefix } from './names/m3ae.js'
import { applyRules, type Rule, type Skipped, type Sources } from './names/rule.js'
import { stackRows } from './names/stack-rows.js'

/**
 * Systems whose names are known. `hf-bert` is also SciBERT, `m3ae` also UMD and the checkpoints of this system. Without a prefix the names of BERT and
 * RoBERTa are the same, and so is what becomes of them.
 */
export const weightsKinds = ['hf-clip', 'openai-clip', 'hf-roberta', 'hf-bert', 'm3ae'] as const
export type WeightsKind = (typeof weightsKinds)[number]

const kinds: Readonly<Record<WeightsKind, { readonly sign: RegExp; readonly rules: readonly Rule[]; readonly others: string }>> = {
  m3ae: {
    sign: /^(ema\.module\.)?(vision_encoder|language_encoder|multi_modal_\w+|(mlm|mim|itm|vqa|cls|irtr)_head)\./,
    rules: m3aeRules,
    others: 'no weight of M3AE or UMD',
  },
  'openai-clip': { sign: /^visual\.conv1\.weight$/, rules: openAiClipRules, others: "no weight of OpenAI's CLIP" },
  'hf-clip': { sign: /^(vision_model\.)?embeddings\.patch_embedding\.weight$/, rules: hfClipRules, others: "no weight of CLIP's image tower" },
  'hf-roberta': { sign: /^(roberta\.|embeddings\.word_embeddings\.weight$)/, rules: hfTextRules, others: 'no weight of a RoBERTa encoder' },
  'hf-bert': { sign: /^bert\./, rules: hfTextRules, others: 'no weight of a BERT encoder' },
}

/** Where the tensors of a file go. */
export interface NameMap {
  readonly weights: Sources
  /** The averaged teacher of UMD, which is kept apart. */
  readonly teacher: Sources
  readonly skipped: Skipped
}

/** What the names of a file say about where it is from; undefined when they are of no known system. */
export function detectKind(names: Iterable<string>): WeightsKind | undefined {
  const short = [...unwrap(names).names.values()]
  return (Object.keys(kinds) as WeightsKind[]).find((kind) => short.some((name) => kinds[kind].sign.test(name)))
}

export interface MapOptions {
  /** Names that the model has. The last block of CLIP is dropped, as the reference does, unless the model has it. */
  readonly wanted?: (name: string) => boolean
}

/** Finds the reference names of the tensors of a file. Looks at names only. */
export function mapNames(names: Iterable<string>, kind: WeightsKind, { wanted = () => false }: MapOptions = {}): NameMap {
  const { names: short, skipped: beside } = unwrap(names)
  const own = new Map([...short].filter(([, name]) => !name.startsWith(teacherPrefix)))
  const averaged = new Map([...short].filter(([, name]) => name.startsWith(teacherPrefix)).map(([file, name]) => [file, name.slice(teacherPrefix.length)]))
  const { rules, others } = kinds[kind]
  const { weights, skipped } = applyRules(own, rules, others)
  const teacher = applyRules(averaged, rules, others)
  if (kind !== 'm3ae') dropLastBlock(weights, skipped, wanted)
  return { weights, teacher: teacher.weights, skipped: new Map([...beside, ...skipped, ...teacher.skipped]) }
}

export interface RenamedWeights {
  /** By reference name, in file layout. */
  readonly weights: ReadonlyMap<string, FileTensor>
  readonly teacher: ReadonlyMap<string, FileTensor>
  /** Names in the file that are left out, and why. */
  readonly skipped: Skipped
}

/**
 * Tensors of another system under the reference names, as float32.
 * @throws UniDiagError CHECKPOINT_MISMATCH when queries, keys and values have different widths
 */
export function toUniDiagNames(tensors: ReadonlyMap<string, StoredTensor>, kind: WeightsKind, options: MapOptions = {}): RenamedWeights {
  return renameTensors(tensors, mapNames(tensors.keys(), kind, options))
}

/** The tensors that a map names, renamed. @throws UniDiagError CHECKPOINT_MISMATCH when queries, keys and values have different widths */
export function renameTensors(tensors: ReadonlyMap<string, StoredTensor>, map: NameMap): RenamedWeights {
  const skipped = new Map(map.skipped)
  const rename = (sources: Sources) => {
    const out = new Map<string, FileTensor>()
    for (const [name, files] of sources) {
      const tensor = stackRows(
        name,
        files.map((file) => tensors.get(file)!),
      )
      if (tensor) out.set(name, tensor)
      else for (const file of files) skipped.set(file, 'integers are no weights')
    }
    return out
  }
  return { weights: rename(map.weights), teacher: rename(map.teacher), skipped }
}

/** The names in a file that a map needs. */
export const neededNames = ({ weights, teacher }: NameMap): Set<string> => new Set([...weights.values(), ...teacher.values()].flat())

/** Names without what wraps a state dict. Beside a Lightning `state_dict` lie the optimiser and the callbacks, which are left out. */
function unwrap(all: Iterable<string>): { names: Map<string, string>; skipped: Map<string, string> } {
  const files = [...all]
  const isWrapped = files.some((file) => file.startsWith('state_dict.'))
  const names = new Map<string, string>()
  const skipped = new Map<string, string>()
  for (const file of files) {
    if (isWrapped && !file.startsWith('state_dict.')) skipped.set(file, 'lies beside the state_dict')
    else names.set(file, file.replace(/^(state_dict|model_state_dict|model)\./, '').replace(/^module\./, ''))
  }
  return { names, skipped }
}

function dropLastBlock(weights: Map<string, readonly string[]>, skipped: Map<string, string>, wanted: (name: string) => boolean): void {
  const indexOf = (name: string): number => Number(blockName.exec(name)?.[1] ?? -1)
  const last = Math.max(...[...weights.keys()].map(indexOf))
  if (last < 0) return
  for (const [name, files] of weights) {
    if (indexOf(name) !== last || wanted(name)) continue
    weights.delete(name)
    for (const file of files) skipped.set(file, 'the last block of CLIP is not used')
  }
}
