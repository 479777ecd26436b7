import { existsSync } from 'node:fs'
import { Backend, backend } from '@unidiag/core/backend/backend'
import { Dataset } from '@unidiag/core/contracts/dataset'
import { ImageLoader } from '@unidiag/core/contracts/image-loader'
import { Stage } from '@unidiag/core/contracts/stage'
import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { UniDiagError } from '@unidiag/core/errors'
import type { AnyPlugin, PluginDefinition } from '@unidiag/core/plugin'
import type { Needs, Token } from '@unidiag/core/token'
import { init } from '@unidiag/weights/init'
import type { z } from 'zod'
import { isRecord } from '../config-items.js'
import { lastPart } from '../known-entries.js'
import { inventedDataset, inventedTokenizer } from './invented-data.js'
import { startShapeBackend } from './shape-backend.js'

type Definition = PluginDefinition<unknown, z.ZodType, Needs>
type Setup = Definition['setup']

/** Vocabulary of roberta-base. */
const VOCABULARY = 50265

/** How a stage that trains makes its steps. */
export interface Batches {
  /** Samples of a micro-batch, and micro-batches of a step as configured. */
  readonly batchSize: number
  readonly accumulate: number
  /** Micro-batches of a dry step: two do all that more do. */
  readonly dryAccumulate: number
  /** Optimiser steps of the whole stage, where the config says so. */
  readonly steps: number | undefined
}

export interface DryPlugins {
  readonly plugins: readonly AnyPlugin[]
  /** Of the stages, in their order; undefined for one that does not train. */
  readonly stages: readonly (Batches | undefined)[]
}

/**
 * The plugins of a config with nothing to read: data sets are invented, images are blank, a tokenizer or weights that are not there are done without, and the
 * engine computes no values. Their options stay what they are, so that composing checks them.
 * @param note told what stands in for what
 */
export function dryPlugins(plugins: readonly AnyPlugin[], note: (message: string) => void): DryPlugins {
  const all = plugins.some((plugin) => provides(plugin, Backend)) ? plugins : [backend(), ...plugins]
  const trained = all.map((plugin) => (provides(plugin, Stage) ? batchesOf(plugin) : undefined))
  // Two whole steps of any stage.
  const samples = Math.max(1024, ...trained.map((of) => (of ? 4 * of.batchSize : 0)))
  const dry = all
    .map((plugin, i) => ({ plugin: standIn(plugin, samples, note), batches: trained[i] }))
    .flatMap(({ plugin, batches }) => (plugin ? [{ plugin: batches ? withAccumulate(plugin, batches.dryAccumulate) : plugin, batches }] : []))
  return { plugins: dry.map(({ plugin }) => plugin), stages: dry.filter(({ plugin }) => provides(plugin, Stage)).map(({ batches }) => batches) }
}

/** @returns undefined for a plugin that has nothing to do */
function standIn(plugin: AnyPlugin, samples: number, note: (message: string) => void): AnyPlugin | undefined {
  const { definition } = plugin
  const setup = definition.setup as Setup
  const entry = lastPart(definition.name)
  if (provides(plugin, Backend)) return withSetup(plugin, shapeBackend)
  if (provides(plugin, ImageLoader)) return withSetup(plugin, blankImages(setup))
  if (provides(plugin, Tokenizer)) return withSetup(plugin, tokenizerOr(setup, note))
  if (provides(plugin, Dataset) && definition.name.startsWith('@unidiag/datasets/') && entry !== 'synthetic')
    return withSetup(plugin, ({ options }) => inventedDataset(entry, String((options as { name?: string }).name ?? entry), samples))
  return definition.name === init.definition.name ? withPresentFiles(plugin, note) : plugin
}

const provides = ({ definition }: AnyPlugin, token: Token<never> | Token<unknown>): boolean => definition.provides === token

const withSetup = ({ definition, options }: AnyPlugin, setup: Setup): AnyPlugin => Object.freeze({ definition: { ...definition, setup }, options })

const shapeBackend: Setup = async () => {
  await startShapeBackend()
  return { name: 'none', reason: 'a dry run computes no values' }
}

/** The loader checks its options; no image is decoded. */
const blankImages =
  (real: Setup): Setup =>
  async (context) => {
    const loader = (await real(context)) as ImageLoader
    const blank = new Float32Array(loader.size * loader.size * 3)
    return Object.assign(loader, { load: async () => blank })
  }

/** A tokenizer that is trained would learn from invented texts: one of the size that it is asked for stands in for it. */
const tokenizerOr =
  (real: Setup, note: (message: string) => void): Setup =>
  async (context) => {
    const { vocabSize } = context.options as { vocabSize?: number }
    if (vocabSize !== undefined) {
      note(`the tokenizer would be trained: its largest vocabulary, ${vocabSize}, stands in`)
      return inventedTokenizer(vocabSize)
    }
    try {
      return await real(context)
    } catch (error) {
      if (!(error instanceof UniDiagError) || error.code !== 'DATA_MISSING') throw error
      note(`${error.message.split(':')[0]}: a vocabulary of ${VOCABULARY} stands in`)
      return inventedTokenizer(VOCABULARY)
    }
  }

/** Weights are loaded where they are there. */
function withPresentFiles(plugin: AnyPlugin, note: (message: string) => void): AnyPlugin | undefined {
  const checked = init.definition.options.safeParse(plugin.options).data
  if (!checked) return plugin
  const present = checked.files.filter(({ file }) => existsSync(file))
  for (const { file } of checked.files) if (!existsSync(file)) note(`no weights at ${file}: nothing is loaded from there`)
  return present.length === 0 ? undefined : Object.freeze({ definition: plugin.definition, options: { files: present } })
}

function batchesOf({ definition, options }: AnyPlugin): Batches | undefined {
  // Options that are wrong are reported when the plugins are composed.
  const checked = definition.options.safeParse(options).data as { batchSize?: unknown; steps?: number; optimizer?: { accumulate?: unknown } } | undefined
  const { batchSize, steps, optimizer } = checked ?? {}
  if (typeof batchSize !== 'number' || typeof optimizer?.accumulate !== 'number') return undefined
  return { batchSize, accumulate: optimizer.accumulate, dryAccumulate: Math.min(2, optimizer.accumulate), steps }
}

function withAccumulate({ definition, options }: AnyPlugin, accumulate: number): AnyPlugin {
  const { optimizer, ...rest } = options as Record<string, unknown>
  return Object.freeze({ definition, options: { ...rest, optimizer: { ...(isRecord(optimizer) ? optimizer : {}), accumulate } } })
}
