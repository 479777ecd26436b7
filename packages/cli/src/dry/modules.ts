import type { Parameter } from '@unidiag/core/nn/parameter'

export interface ModuleCount {
  readonly module: string
  readonly parameters: number
}

/** Beginnings of parameter names, by the part of the model; what none of them fits is a head, called by the first part of its name. */
const modules: readonly (readonly [string, RegExp])[] = [
  ['vision encoder', /^vision_encoder\./],
  ['text encoder', /^language_encoder\./],
  ['projections', /^multi_modal_\w+_proj\./],
  ['type embeddings', /^modality_type_embeddings\./],
  ['fusion', /^multi_modal_\w+_layers\./],
  ['poolers', /^multi_modal_\w+_pooler\./],
]

/** Parameters by part of the model, in the order in which they are made. */
export function countByModule(parameters: readonly Parameter[]): ModuleCount[] {
  const counts = new Map<string, number>()
  for (const { name, value } of parameters) {
    const module = modules.find(([, fits]) => fits.test(name))?.[0] ?? name.split('.')[0]
    counts.set(module, (counts.get(module) ?? 0) + value.size)
  }
  return Array.from(counts, ([module, parameters]) => ({ module, parameters }))
}
