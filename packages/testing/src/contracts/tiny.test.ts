import { Dataset } from '@unidiag/core/contracts/dataset'
import { Fusion, ImageEncoder, TextEncoder } from '@unidiag/core/contracts/encoders'
import { Tokenizer } from '@unidiag/core/contracts/tokenizer'
import type { AnyPlugin } from '@unidiag/core/plugin'
import type { Token } from '@unidiag/core/token'
import { useBackend } from '../backends.js'
import { tinyPlugins } from '../tiny-plugins.js'
import { describeDataset } from './dataset.js'
import { describeFusion } from './fusion.js'
import { describeImageEncoder } from './image-encoder.js'
import { describeTextEncoder } from './text-encoder.js'
import { describeTokenizer } from './tokenizer.js'

useBackend()

// The suites hold for the plugins that stand in for real ones.
const tiny = (provides: Token<unknown>) => (): AnyPlugin => tinyPlugins().find((plugin) => plugin.definition.provides === provides)!

describeImageEncoder('tiny', tiny(ImageEncoder))
describeTextEncoder('tiny', tiny(TextEncoder))
describeFusion('tiny', tiny(Fusion))
describeDataset('tiny', tiny(Dataset))
describeTokenizer('tiny', tiny(Tokenizer))
