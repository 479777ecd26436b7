import { UniDiagError } from '../errors.js'
import { type Dtype, dtypes } from './dtype.js'

/** The format's own limit; a hostile length must not make us allocate. */
const LONGEST_HEADER = 100_000_000

export interface HeaderEntry {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: readonly number[]
  /** Byte range in the data that follows the header. */
  readonly begin: number
  readonly end: number
}

export interface Header {
  /** In the order of the data; they cover it without gap or overlap. */
  readonly entries: readonly HeaderEntry[]
  readonly metadata: Readonly<Record<string, string>>
}

type Fault = (what: string, cause?: unknown) => UniDiagError

/** Errors about one file. */
export const faultsOf =
  (file: string): Fault =>
  (what, cause) =>
    new UniDiagError('CHECKPOINT_INVALID', `${file} is not a valid safetensors file: ${what}`, { cause })

/** @param prefix the first 8 bytes @param fileSize of the whole file @returns length of the JSON header in bytes */
export function headerLength(prefix: DataView, fileSize: number, fault: Fault): number {
  if (fileSize < 8) throw fault(`it has ${fileSize} bytes, the header length alone needs 8`)
  const length = prefix.getBigUint64(0, true)
  if (length > LONGEST_HEADER) throw fault(`its header would be ${length} bytes long (at most ${LONGEST_HEADER} are allowed)`)
  if (Number(length) > fileSize - 8) throw fault(`its header would be ${length} bytes long, but the file has ${fileSize} bytes; it may be cut off`)
  return Number(length)
}

/** Checks everything that the header claims before a tensor is read. @param dataSize bytes after the header */
export function parseHeader(bytes: Uint8Array, dataSize: number, fault: Fault): Header {
  const json = parseJson(bytes, fault)
  const { __metadata__: metadata = {}, ...tensors } = json
  if (!isRecord(metadata) || Object.values(metadata).some((value) => typeof value !== 'string')) throw fault('__metadata__ is not a map of strings')
  const entries = Object.entries(tensors).map(([name, entry]) => parseEntry(name, entry, fault))
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end)
  let end = 0
  let before = 'the header'
  for (const entry of entries) {
    if (entry.end > dataSize) throw fault(`tensor ${entry.name} ends at byte ${entry.end}, but there are ${dataSize} bytes of data; the file may be cut off`)
    if (entry.begin < end) throw fault(`tensors ${before} and ${entry.name} overlap`)
    if (entry.begin > end) throw fault(`bytes ${end} to ${entry.begin} before tensor ${entry.name} belong to no tensor`)
    end = entry.end
    before = entry.name
  }
  if (end !== dataSize) throw fault(`${dataSize - end} bytes after the last tensor belong to no tensor`)
  return { entries, metadata: metadata as Record<string, string> }
}

function parseJson(bytes: Uint8Array, fault: Fault): Record<string, unknown> {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw fault(`its header is not JSON (${error instanceof Error ? error.message : error})`)
  }
  if (!isRecord(json)) throw fault('its header is not a JSON object')
  return json
}

function parseEntry(name: string, entry: unknown, fault: Fault): HeaderEntry {
  if (!isRecord(entry)) throw fault(`the entry of tensor ${name} is not an object`)
  const { dtype, shape, data_offsets: offsets } = entry
  if (typeof dtype !== 'string' || !Object.hasOwn(dtypes, dtype)) throw fault(`tensor ${name} has the unknown dtype ${JSON.stringify(dtype)}`)
  if (!isNaturals(shape)) throw fault(`tensor ${name} has the shape ${JSON.stringify(shape)}, not a list of sizes`)
  if (!isNaturals(offsets) || offsets.length !== 2 || offsets[0] > offsets[1])
    throw fault(`tensor ${name} has the data_offsets ${JSON.stringify(offsets)}, not [begin, end]`)
  const [begin, end] = offsets
  // Beyond 2^53 the product is inexact, but then it equals no range that a file can have.
  const bytes = shape.reduce((a, b) => a * b, dtypes[dtype as Dtype].bytes)
  if (bytes !== end - begin) throw fault(`tensor ${name} of ${dtype} [${shape}] needs ${bytes} bytes, its data_offsets give ${end - begin}`)
  return { name, dtype: dtype as Dtype, shape, begin, end }
}

const isRecord = (x: unknown): x is Record<string, unknown> => typeof x === 'object' && x !== null && !Array.isArray(x)

const isNaturals = (x: unknown): x is number[] => Array.isArray(x) && x.every((n) => Number.isSafeInteger(n) && n >= 0)
