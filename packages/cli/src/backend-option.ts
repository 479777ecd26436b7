import { backendNames } from '@unidiag/core/backend/engines'
import { Option } from 'commander'

/** `--backend <name>` */
export const backendOption = (): Option =>
  new Option('--backend <name>', 'tfjs engine (default: the one of the config, else auto: the first that loads)').choices(['auto', ...backendNames])
