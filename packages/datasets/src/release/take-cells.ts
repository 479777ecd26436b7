import { z } from 'zod'

/** Takes cells of a row by column; what does not fit becomes an issue that names the column. */
export interface Taker {
  must<S extends z.ZodType>(schema: S, column: string): z.output<S>
  /** `undefined` also when the cell is empty, or no column is given. */
  may<S extends z.ZodType>(schema: S, column: string | undefined): z.output<S> | undefined
}

/** A schema of rows whose columns are known only when a data set is opened. */
export function rowOf<T>(make: (take: Taker) => T) {
  return z.record(z.string(), z.unknown()).transform((cells, context) => {
    const must = <S extends z.ZodType>(schema: S, column: string): z.output<S> => {
      const result = schema.safeParse(cells[column])
      if (result.success) return result.data
      context.addIssue({ code: 'custom', message: result.error.issues[0].message, path: [column] })
      // Not seen by anybody: a row with an issue has no output.
      return undefined as z.output<S>
    }
    const isEmpty = (column: string): boolean => cells[column] === undefined || cells[column] === null || cells[column] === ''
    return make({ must, may: (schema, column) => (column === undefined || isEmpty(column) ? undefined : must(schema, column)) })
  })
}

/** One value as text. */
export const scalar = z.union([z.string(), z.number(), z.bigint(), z.boolean()], 'expected one value').transform(String)

/** One answer or several. */
export const answers = z.union([scalar.transform((one) => [one]), z.array(scalar)], 'expected an answer or a list of answers')
