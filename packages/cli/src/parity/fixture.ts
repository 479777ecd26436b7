import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { UniDiagError } from '@unidiag/core/errors'
import { readSafetensors, type StoredTensor } from '@unidiag/core/io/safetensors'
import { z } from 'zod'
import { downstreamSchema, m3aeSchema, pretrainSchema, retrievalSchema, tdCalibSchema } from './fixture-schemas.js'
import { type HubFixture, readHubFixture } from './hub-fixture.js'

/** A stored tensor; 64-bit numbers are narrowed. */
export interface FixtureTensor {
  readonly shape: readonly number[]
  readonly data: Float32Array | Int32Array
}

export type FixtureTensors = ReadonlyMap<string, FixtureTensor>

const tensorFiles = {
  student: 'pretrain_student',
  teacher: 'pretrain_teacher',
  io: 'pretrain_io',
  gradients: 'pretrain_grads',
  studentAfter: 'pretrain_student_after',
  teacherAfter: 'pretrain_teacher_after',
  downstreamIo: 'downstream_io',
  modulated: 'downstream_vqa_grads_modulated',
  m3aeIo: 'm3ae_io',
} as const

const jsonFiles = {
  pretrain: { file: 'pretrain.json', schema: pretrainSchema },
  downstream: { file: 'downstream.json', schema: downstreamSchema },
  tdcalib: { file: 'tdcalib.json', schema: tdCalibSchema },
  m3ae: { file: 'm3ae.json', schema: m3aeSchema },
  retrieval: { file: 'retrieval_recall.json', schema: retrievalSchema },
} as const

type Json = { readonly [K in keyof typeof jsonFiles]: z.output<(typeof jsonFiles)[K]['schema']> }

/** A folder of reference numbers, in memory. */
export interface Fixture extends Json, Readonly<Record<keyof typeof tensorFiles, FixtureTensors>> {
  readonly dir: string
  /** Undefined when the folder has no such part. */
  readonly hub: HubFixture | undefined
}

/** @throws UniDiagError DATA_MISSING, DATA_MALFORMED, CHECKPOINT_INVALID, each naming the file */
export async function readFixture(dir: string): Promise<Fixture> {
  const names = [...Object.values(jsonFiles).map(({ file }) => file), ...Object.values(tensorFiles).map((name) => `${name}.safetensors`)]
  const there = await Promise.all(names.map((name) => isThere(join(dir, name))))
  const missing = names.filter((_, i) => !there[i])
  if (missing.length > 0)
    throw new UniDiagError('DATA_MISSING', `${dir} is no folder of reference numbers: it lacks ${missing.join(', ')}`, {
      fix: "Point `unidiag parity` at a folder with these files; the folder's README lists them.",
    })
  const json = await Promise.all(
    Object.entries(jsonFiles).map(async ([key, { file, schema }]) => [key, await readJson<z.ZodType>(join(dir, file), schema)] as const),
  )
  const tensors = await Promise.all(Object.entries(tensorFiles).map(async ([key, name]) => [key, await readTensors(join(dir, `${name}.safetensors`))] as const))
  return {
    dir,
    hub: await readHubFixture(dir),
    ...(Object.fromEntries(json) as unknown as Json),
    ...(Object.fromEntries(tensors) as Record<keyof typeof tensorFiles, FixtureTensors>),
  }
}

/** A tensor that a group needs as an input. @throws UniDiagError DATA_MALFORMED */
export function input(fixture: Fixture, file: keyof typeof tensorFiles, name: string): FixtureTensor {
  const found = fixture[file].get(name)
  if (found) return found
  throw new UniDiagError('DATA_MALFORMED', `${join(fixture.dir, `${tensorFiles[file]}.safetensors`)} has no tensor ${name}`)
}

export const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  )

/** @throws UniDiagError DATA_MALFORMED naming the file and the place */
export async function readJson<T extends z.ZodType>(file: string, schema: T): Promise<z.output<T>> {
  try {
    return schema.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch (error) {
    const message = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message
    throw new UniDiagError('DATA_MALFORMED', `${file}: ${message}`, { cause: error })
  }
}

/** @throws UniDiagError CHECKPOINT_INVALID naming the file */
export async function readTensors(file: string): Promise<FixtureTensors> {
  const { tensors } = await readSafetensors(file)
  return new Map(Array.from(tensors, ([name, { shape, data }]): [string, FixtureTensor] => [name, { shape, data: narrow(data) }]))
}

function narrow(data: StoredTensor['data']): Float32Array | Int32Array {
  if (data instanceof Float32Array) return data
  if (data instanceof Float64Array) return Float32Array.from(data)
  return Int32Array.from(data as ArrayLike<number | bigint>, Number)
}
