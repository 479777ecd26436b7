import type { Sample } from '@unidiag/core/contracts/dataset'
import { UniDiagError } from '@unidiag/core/errors'
import { atomicWrite } from '@unidiag/core/io/atomic-write'
import { writeSafetensors } from '@unidiag/core/io/safetensors'
import { type ColumnSource, parquetWriteBuffer, type SchemaElement } from 'hyparquet-writer'
import { type FeatureName, type Features, featureNames } from './features.js'
import type { FeatureMap } from './maps.js'
import { type Matrix, rowsOf } from './matrix.js'

/** What goes into a file. */
export interface Embedding {
  readonly features: Features
  readonly maps: readonly FeatureMap[]
  /** How it was made: checkpoint, split, pooling. */
  readonly protocol: Readonly<Record<string, unknown>>
  /** Whether captions and questions are written. */
  readonly withText: boolean
}

export const embeddingExtensions = ['.parquet', '.safetensors'] as const

/** @throws UniDiagError OPTION_INVALID for a name that ends in neither */
export function embeddingFormat(file: string): (typeof embeddingExtensions)[number] {
  const found = embeddingExtensions.find((extension) => file.endsWith(extension))
  if (found) return found
  throw new UniDiagError('OPTION_INVALID', `cannot tell the format of ${file}`, { fix: `Give a name that ends in ${embeddingExtensions.join(' or ')}.` })
}

/**
 * Writes an embedding, a row a sample: ids, labels (first answer, answer type, fields), features, coordinates.
 * @throws UniDiagError OPTION_INVALID, FILE_UNWRITABLE
 */
export function writeEmbedding(file: string, embedding: Embedding): Promise<void> {
  return embeddingFormat(file) === '.parquet' ? writeParquet(file, embedding) : writeTensors(file, embedding)
}

function writeParquet(file: string, { features, maps, protocol, withText }: Embedding): Promise<void> {
  const columns: { schema: SchemaElement[]; column: ColumnSource }[] = []
  for (const [name, data] of labels(features.samples, withText))
    columns.push({ schema: [{ name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' }], column: { name, data } })
  for (const name of featureNames) columns.push({ schema: list(name), column: { name, data: rowsOf(features[name]).map((row) => [...row]) } })
  for (const { name, places } of maps)
    for (let axis = 0; axis < places.width; axis++) {
      const column = `${name}_${'xyz'[axis]}`
      columns.push({
        schema: [{ name: column, type: 'FLOAT', repetition_type: 'REQUIRED' }],
        column: { name: column, data: rowsOf(places).map((row) => row[axis]) },
      })
    }
  const bytes = parquetWriteBuffer({
    columnData: columns.map(({ column }) => column),
    schema: [{ name: 'embedding', num_children: columns.length }, ...columns.flatMap(({ schema }) => schema)],
    kvMetadata: [{ key: 'unidiag', value: JSON.stringify(describe(protocol, maps)) }],
  })
  return atomicWrite(file, (handle) => handle.writeFile(new Uint8Array(bytes)))
}

/** A list of floats, as the format wants lists. */
const list = (name: string): SchemaElement[] => [
  { name, repetition_type: 'REQUIRED', num_children: 1, converted_type: 'LIST' },
  { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
  { name: 'element', type: 'FLOAT', repetition_type: 'REQUIRED' },
]

function writeTensors(file: string, { features, maps, protocol, withText }: Embedding): Promise<void> {
  const tensors = new Map<string, Matrix>([
    ...featureNames.map((name: FeatureName) => [name, features[name]] as const),
    ...maps.map(({ name, places }) => [name, places] as const),
  ])
  return writeSafetensors(file, new Map(Array.from(tensors, ([name, { data, width }]) => [name, { shape: [features.samples.length, width], data }])), {
    unidiag: JSON.stringify(describe(protocol, maps)),
    columns: JSON.stringify(Object.fromEntries(labels(features.samples, withText))),
  })
}

const describe = (protocol: Embedding['protocol'], maps: readonly FeatureMap[]) => ({
  ...protocol,
  maps: Object.fromEntries(maps.map(({ name, made }) => [name, made])),
})

/** Columns of texts; null where a sample has none. */
function labels(samples: readonly Sample[], withText: boolean): Map<string, (string | null)[]> {
  const fields = [...new Set(samples.flatMap(({ fields }) => Object.keys(fields ?? {})))]
  const columns: [string, (sample: Sample) => string | undefined][] = [
    ['id', ({ id }) => id],
    ['image_id', ({ imageId }) => imageId],
    ['answer', ({ answers }) => answers?.[0]],
    ['answer_type', ({ answerType }) => answerType],
    ...fields.map((name): [string, (sample: Sample) => string | undefined] => [`field_${name}`, ({ fields }) => fields?.[name]]),
    ...(withText ? [['sample_text', ({ text }: Sample) => text] as [string, (sample: Sample) => string]] : []),
  ]
  return new Map(columns.map(([name, of]) => [name, samples.map((sample) => of(sample) ?? null)]))
}
