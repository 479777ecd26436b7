import { Dataset } from '@unidiag/core/contracts/dataset'
import { Fusion, ImageEncoder, TextEncoder } from '@unidiag/core/contracts/encoders'
import { ImageLoader } from '@unidiag/core/contracts/image-loader'
import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import { ParameterStore } from '@unidiag/core/nn/parameter'
import { type AnyPlugin, definePlugin } from '@unidiag/core/plugin'
import { z } from 'zod'
import { tinyDataset, tinyImages, tinyTokenizer } from './tiny-data.js'
import { TinyFusion, TinyImageEncoder, TinyTextEncoder } from './tiny-model.js'

const options = z.strictObject({})
const needs = { parameters: ParameterStore } as const
const name = (of: string): string => `@unidiag/testing/tiny-${of}`

/** The tiny model and its data as plugins: what a pipeline needs besides what is tested. @param o.dataset in place of `tinyDataset()` */
export function tinyPlugins({ dataset = tinyDataset(), dropout = 0.1 }: { dataset?: Dataset; dropout?: number } = {}): AnyPlugin[] {
  return [
    definePlugin({ name: name('image-encoder'), provides: ImageEncoder, needs, options, setup: ({ needs }) => new TinyImageEncoder(needs.parameters) })(),
    definePlugin({ name: name('text-encoder'), provides: TextEncoder, needs, options, setup: ({ needs }) => new TinyTextEncoder(needs.parameters, dropout) })(),
    definePlugin({ name: name('fusion'), provides: Fusion, needs, options, setup: ({ needs }) => new TinyFusion(needs.parameters, dropout) })(),
    definePlugin({ name: name('tokenizer'), provides: Tokenizer, options, setup: () => tinyTokenizer })(),
    definePlugin({ name: name('images'), provides: ImageLoader, options, setup: () => tinyImages })(),
    definePlugin({ name: name('dataset'), provides: Dataset, options, setup: () => dataset })(),
  ]
}
