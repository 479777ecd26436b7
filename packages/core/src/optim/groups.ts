import type { Parameter } from '../nn/parameter.js'

/** Parameters that share a learning rate and a weight decay. */
export interface ParameterGroup {
  readonly parameters: readonly Parameter[]
  readonly learningRate: number
  readonly weightDecay: number
}

export interface GroupOptions {
  readonly learningRate: number
  readonly weightDecay: number
  readonly multiplier: { readonly multiModal: number; readonly heads: number }
}

// The rules of the reference (m3ae_utils.py, set_schedule) and CLIP's for its scale, matched anywhere in the full name: `ln_1.weight` is decayed, `decoder_norm.weight` is not.
const noDecay = [
  'bias',
  'LayerNorm.bias',
  'LayerNorm.weight',
  'norm.bias',
  'norm.weight',
  'norm1.bias',
  'norm1.weight',
  'norm2.bias',
  'norm2.weight',
  'logit_scale',
]
const heads = ['mlm_head', 'mim_head', 'itm_head', 'itc_head', 'vqa_head', 'cls_head', 'irtr_head']
const multiModal = ['multi_modal']

/** Sorts parameters into base, head and fusion groups, each with and without decay. Empty groups are left out. */
export function parameterGroups(parameters: readonly Parameter[], o: GroupOptions): ParameterGroup[] {
  const groups = new Map<string, { parameters: Parameter[]; learningRate: number; weightDecay: number }>()
  for (const parameter of parameters) {
    const has = (parts: readonly string[]) => parts.some((part) => parameter.name.includes(part))
    const weightDecay = has(noDecay) ? 0 : o.weightDecay
    const factor = has(heads) ? o.multiplier.heads : has(multiModal) ? o.multiplier.multiModal : 1
    const key = `${has(noDecay)} ${has(heads)} ${has(multiModal)}`
    const group = groups.get(key) ?? { parameters: [], learningRate: o.learningRate * factor, weightDecay }
    group.parameters.push(parameter)
    groups.set(key, group)
  }
  return [...groups.values()]
}
