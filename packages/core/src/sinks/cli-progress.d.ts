/** The part of cli-progress that is used here; the package brings no types. */
declare module 'cli-progress' {
  export interface Bar {
    update(value: number, payload?: Readonly<Record<string, string>>): void
  }
  export class MultiBar {
    constructor(options: {
      format: string
      stream: NodeJS.WritableStream
      barCompleteChar: string
      barIncompleteChar: string
      barsize: number
      hideCursor: boolean
    })
    create(total: number, start: number, payload: Readonly<Record<string, string>>): Bar
    log(text: string): void
    update(): void
    stop(): void
  }
  const cliProgress: { MultiBar: typeof MultiBar }
  export default cliProgress
}
