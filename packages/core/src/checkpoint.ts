import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Tensor } from '@tensorflow/tfjs-core'
import { UniDiagError } from './errors.js'
import { unwritable } from './io/atomic-write.js'
import { readSafetensors, writeSafetensors } from './io/safetensors.js'
import type { FileTensor, Parameters } from './nn/parameter.js'
import type { AdamWState } from './optim/adamw.js'
import type { ResolvedConfig } from './resolved-config.js'

/** `last`: everything a resume needs; `best`: the weights of the best validation. */
export type CheckpointKind = 'last' | 'best'

/** Where a run stood. */
export interface CheckpointState {
  readonly stage: string
  /** Optimiser steps done in the stage. */
  readonly step: number
  /** Step of the last validation; 0 before the first. */
  readonly validated: number
  /** Best primary metric so far, and the step it was measured at. */
  readonly best?: { readonly value: number; readonly step: number } | undefined
}

export interface Checkpoint {
  readonly file: string
  /** By reference name, in file layout. */
  readonly weights: ReadonlyMap<string, FileTensor>
  /** Teacher values by parameter name, in file layout; empty when there is none. */
  readonly teacher: ReadonlyMap<string, FileTensor>
  readonly optimizer: AdamWState | undefined
  readonly state: CheckpointState
  readonly config: ResolvedConfig
  /** What the weights mean besides: answer list of the task, tokenizer fingerprint. */
  readonly meaning: Readonly<Record<string, unknown>>
}

export interface CheckpointContents {
  readonly state: CheckpointState
  /** Asked for its state only when there is a file to write it to. */
  readonly optimizer?: { state(): AdamWState } | undefined
  /** Teacher values by parameter name, as they are in memory. */
  readonly teacher?: ReadonlyMap<string, Tensor> | undefined
}

export interface CheckpointStoreOptions {
  /** Folder of the run. Without it nothing is written: `best` is kept in memory, and a run cannot be resumed. */
  readonly dir?: string | undefined
  readonly config: ResolvedConfig
  readonly parameters: Parameters
  readonly meaning?: Readonly<Record<string, unknown>>
}

// The teacher's prefix is the reference's; `optimizer.` is followed by the names PyTorch gives to AdamW's moments.
const TEACHER = 'ema.module.'
const OPTIMIZER = 'optimizer.'

/** Keeps the checkpoints of a run: `<dir>/last.safetensors` and `<dir>/best.safetensors`, weights by reference name, the rest as JSON in the metadata. */
export class CheckpointStore {
  readonly #o: CheckpointStoreOptions
  #inMemory: Checkpoint | undefined

  constructor(o: CheckpointStoreOptions) {
    this.#o = o
  }

  /**
   * Writes weights and state; a kill leaves the old file or the new one.
   * @returns the file; undefined when the run has no folder @throws UniDiagError FILE_UNWRITABLE
   */
  async save(kind: CheckpointKind, { state, optimizer, teacher }: CheckpointContents): Promise<string | undefined> {
    const { config, parameters, meaning = {}, dir } = this.#o
    if (dir === undefined) {
      if (kind === 'best') this.#inMemory = { file: 'memory', weights: parameters.export(), teacher: new Map(), optimizer: undefined, state, config, meaning }
      return undefined
    }
    const tensors = new Map(parameters.export())
    const moments = optimizer?.state()
    if (teacher) for (const [name, value] of parameters.export((p) => teacher.get(p.name))) tensors.set(TEACHER + name, value)
    if (moments) for (const [name, value] of moments.tensors) tensors.set(OPTIMIZER + name, value)
    const file = this.#file(dir, kind)
    const metadata = { format: 'pt', state, config, meaning, ...(moments && { optimizerSteps: moments.steps }) }
    await writeSafetensors(file, tensors, Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, encode(value)])))
    return file
  }

  /** @returns undefined when there is none @throws UniDiagError CHECKPOINT_INVALID */
  async load(kind: CheckpointKind): Promise<Checkpoint | undefined> {
    const { dir } = this.#o
    if (dir === undefined) return kind === 'best' ? this.#inMemory : undefined
    return loadCheckpoint(this.#file(dir, kind)).catch((error) => {
      if (isMissing(error)) return undefined
      throw error
    })
  }

  /** Moves checkpoints of an earlier run in the same folder to `<kind>.previous.safetensors`, so that a new run never mistakes them for its own. @throws UniDiagError FILE_UNWRITABLE */
  async setAside(): Promise<void> {
    const { dir } = this.#o
    if (dir === undefined) return
    for (const kind of ['last', 'best'] as const) {
      const previous = join(dir, `${kind}.previous.safetensors`)
      await rename(this.#file(dir, kind), previous).catch((error) => {
        if (error.code !== 'ENOENT') throw unwritable(previous, error)
      })
    }
  }

  #file(dir: string, kind: CheckpointKind): string {
    return join(dir, `${kind}.safetensors`)
  }
}

/**
 * Reads a checkpoint made by `CheckpointStore`.
 * @param o.weightsOnly leaves out optimiser and teacher (prediction)
 * @throws UniDiagError CHECKPOINT_INVALID, also for weights made elsewhere: they carry no state (use `readFloat32`)
 */
export async function loadCheckpoint(file: string, { weightsOnly = false }: { weightsOnly?: boolean } = {}): Promise<Checkpoint> {
  const only = (name: string) => !weightsOnly || !(name.startsWith(TEACHER) || name.startsWith(OPTIMIZER))
  const { tensors, metadata } = await readSafetensors(file, { only })
  const parts = { weights: new Map<string, FileTensor>(), teacher: new Map<string, FileTensor>(), optimizer: new Map<string, FileTensor>() }
  for (const [name, { shape, data }] of tensors) {
    if (!(data instanceof Float32Array)) continue
    const [part, prefix] = name.startsWith(TEACHER)
      ? (['teacher', TEACHER] as const)
      : name.startsWith(OPTIMIZER)
        ? (['optimizer', OPTIMIZER] as const)
        : (['weights', ''] as const)
    parts[part].set(name.slice(prefix.length), { shape, data })
  }
  const decode = (key: string): unknown => {
    try {
      return JSON.parse(metadata[key] ?? '')
    } catch (cause) {
      throw new UniDiagError('CHECKPOINT_INVALID', `${file} is no checkpoint of a run: its metadata has no readable "${key}"`, {
        fix: 'Use last.safetensors or best.safetensors of a run folder.',
        cause,
      })
    }
  }
  return {
    file,
    weights: parts.weights,
    teacher: parts.teacher,
    optimizer: metadata.optimizerSteps && !weightsOnly ? { steps: decode('optimizerSteps') as AdamWState['steps'], tensors: parts.optimizer } : undefined,
    state: decode('state') as CheckpointState,
    config: decode('config') as ResolvedConfig,
    meaning: decode('meaning') as Checkpoint['meaning'],
  }
}

const encode = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

const isMissing = (error: unknown): boolean => error instanceof UniDiagError && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'
