import { Fault } from '../fault.js'

// Numbers in text take quadratic time to convert; a number of a checkpoint has few digits.
const LONGEST_NUMBER = 1000

/** The argument of INT and LONG: decimal digits, an `L` behind them, or `00` and `01` for booleans. */
export function parseInteger(text: string): number | bigint | boolean {
  if (text === '00') return false
  if (text === '01') return true
  const digits = text.replace(/L$/, '')
  if (digits.length > LONGEST_NUMBER || !/^[+-]?\d+$/.test(digits)) throw new Fault(`it holds the number ${JSON.stringify(text.slice(0, 40))}`)
  return narrow(BigInt(digits.replace(/^\+/, '')))
}

/** The argument of FLOAT. */
export function parseFloating(text: string): number {
  const special = /^([+-]?)(inf|nan)$/.exec(text)
  if (special) return special[2] === 'nan' ? Number.NaN : special[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  if (text.length > LONGEST_NUMBER || !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text))
    throw new Fault(`it holds the number ${JSON.stringify(text.slice(0, 40))}`)
  return Number(text)
}

/** The argument of STRING: a quoted literal of Python 2. */
export function parseQuoted(text: string): string {
  const literal = /^(["'])(.*)\1$/s.exec(text)
  if (!literal) throw new Fault('it holds a string without quotes')
  const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t' }
  return literal[2].replace(/\\(x([0-9a-f]{2})|.)/gi, (_, what: string, hex?: string) =>
    hex === undefined ? (escapes[what] ?? what) : String.fromCharCode(Number.parseInt(hex, 16)),
  )
}

/** The argument of UNICODE: `raw-unicode-escape`. */
export const parseRawUnicode = (text: string): string =>
  text.replace(/\\u([0-9a-f]{4})|\\U([0-9a-f]{8})/g, (whole, short?: string, long?: string) => {
    const code = Number.parseInt((short ?? long)!, 16)
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole
  })

/** The argument of LONG1 and LONG4: little-endian two's complement. */
export function parseTwosComplement(bytes: Uint8Array): number | bigint {
  if (bytes.length > LONGEST_NUMBER) throw new Fault(`it holds a number of ${bytes.length} bytes`)
  let value = 0n
  for (const byte of bytes.toReversed()) value = (value << 8n) | BigInt(byte)
  return narrow(BigInt.asIntN(8 * bytes.length, value))
}

const narrow = (value: bigint): number | bigint => (value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value)
