import type { FlatTable } from './flat-buffer.js'

/** Types of Arrow that tables of images and texts consist of (format/Schema.fbs). */
export type ArrowKind = 'int' | 'float' | 'bytes' | 'text' | 'list' | 'other'

export interface ArrowField {
  readonly name: string
  readonly kind: ArrowKind
  /** Bytes of a number, or of an offset of a text, of bytes or of a list. */
  readonly width: number
  readonly child?: ArrowField
}

const TYPE = { int: 2, float: 3, binary: 4, utf8: 5, list: 12, largeBinary: 19, largeUtf8: 20, largeList: 21 } as const

const kinds: Readonly<Record<number, readonly [ArrowKind, number]>> = {
  [TYPE.binary]: ['bytes', 4],
  [TYPE.largeBinary]: ['bytes', 8],
  [TYPE.utf8]: ['text', 4],
  [TYPE.largeUtf8]: ['text', 8],
  [TYPE.list]: ['list', 4],
  [TYPE.largeList]: ['list', 8],
}

function fieldOf(table: FlatTable): ArrowField {
  const type = table.byte(2)
  const detail = table.table(3)
  const name = table.text(0)
  // A dictionary keeps its values elsewhere.
  if (table.table(4)) return { name, kind: 'other', width: 0 }
  if (type === TYPE.int) return { name, kind: 'int', width: (detail?.int(0) ?? 0) / 8 }
  if (type === TYPE.float) return { name, kind: 'float', width: 2 << (detail?.short(0) ?? 0) }
  const [kind, width] = kinds[type] ?? (['other', 0] as const)
  const [child] = table.tables(5)
  if (kind === 'list' && !child) return { name, kind: 'other', width: 0 }
  return { name, kind, width, ...(kind === 'list' && { child: fieldOf(child) }) }
}

/** The columns of a schema, in the order in which batches hold them. */
export const arrowFields = (schema: FlatTable): ArrowField[] => schema.tables(1).map(fieldOf)
