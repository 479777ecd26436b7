/** 75 -> `1 min 15 s` */
export function duration(seconds: number): string {
  const whole = Math.round(seconds)
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}

/** Four significant digits, without needless zeros: `0.01234`, `123.5`. */
export const number = (x: number): string => (Number.isInteger(x) ? x.toLocaleString('en-US') : String(Number(x.toPrecision(4))))

/** `total 1.234, mim 0.5` */
export const numbers = (values: Readonly<Record<string, number>>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name} ${number(value)}`)
    .join(', ')

/** `vocabularySize` -> `vocabulary size` */
export const spaced = (name: string): string => name.replace(/([a-z])([A-Z])/g, (_, before: string, after: string) => `${before} ${after.toLowerCase()}`)
