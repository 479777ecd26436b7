import { Option } from 'commander'

/** `--set <path=value>`, any number of times. */
export const setOption = (what: string): Option =>
  new Option('--set <path=value>', `change one setting of ${what}; may be given several times`)
    .default([], 'none')
    .argParser((value: string, before: string[]) => [...before, value])
