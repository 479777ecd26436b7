import { join } from 'node:path'
import { concat, concatMap, defer, EMPTY, from, Observable, of, takeWhile } from 'rxjs'
import { Backend } from './backend/backend.js'
import { type Checkpoint, CheckpointStore } from './checkpoint.js'
import type { Container } from './container.js'
import { Sink } from './contracts/sink.js'
import { Stage } from './contracts/stage.js'
import { Task } from './contracts/task.js'
import { Tokenizer } from './contracts/tokenizer.js'
import { UniDiagError } from './errors.js'
import type { RunEvent } from './events.js'
import { atomicWrite } from './io/atomic-write.js'
import { ParameterStore } from './nn/parameter.js'
import { RandomSource } from './random.js'
import type { ResolvedConfig } from './resolved-config.js'
import { checkResume } from './resume.js'
import type { SetUp } from './setup.js'
import { SinkFeed } from './sink-feed.js'
import type { Token } from './token.js'

export interface RunOptions {
  /** Goes on from `<out>/last.safetensors`; starts at the beginning when there is none. */
  readonly resume?: boolean | undefined
}

/** A composition that is set up and ready to run. Made by `compose`. */
export class Pipeline {
  readonly config: ResolvedConfig
  readonly #setUp: SetUp
  #stop = new AbortController()
  #running: Promise<void> | undefined
  #used = false
  #closed: Promise<void> | undefined
  /** What a run ended with when nobody listened any more. */
  #unheard: { error: unknown } | undefined

  constructor(setUp: SetUp, config: ResolvedConfig) {
    this.#setUp = setUp
    this.config = config
  }

  /** The value of a token. @throws UniDiagError PLUGIN_MISSING, PIPELINE_FROZEN once closed */
  get<T>(token: Token<T>): T {
    this.#refuseClosed()
    return this.#container.get(token)
  }

  /** Every value of a token, in the order of composition. */
  getAll<T>(token: Token<T>): readonly T[] {
    this.#refuseClosed()
    return this.#container.getAll(token)
  }

  /**
   * The run, cold: one subscription runs the stages one after another. Unsubscribing stops at the next step boundary and writes a
   * checkpoint; `close()` waits for that. A pipeline runs once, and again only to resume.
   * @throws (as an error of the observable) UniDiagError PIPELINE_FROZEN, RESUME_MISMATCH, and what a stage throws
   */
  run({ resume = false }: RunOptions = {}): Observable<RunEvent> {
    return new Observable<RunEvent>((subscriber) => {
      this.#refuseClosed()
      if (this.#running) throw new UniDiagError('PIPELINE_FROZEN', 'this pipeline is running already')
      if (this.#used && !resume)
        throw new UniDiagError('PIPELINE_FROZEN', 'this pipeline has run: its weights are trained, and another run would not start where the first one did', {
          fix: 'Compose a new pipeline, or go on with run({ resume: true }).',
        })
      this.#used = true
      const stop = new AbortController()
      this.#stop = stop
      const feed = new SinkFeed(this.#container.getAll(Sink))
      this.#running = new Promise((ended) => {
        const end = async (tell: () => void) => {
          for (const note of await feed.close()) subscriber.next(note)
          this.#running = undefined
          ended()
          tell()
        }
        // Sinks hear the run to its end, also when the subscriber has left.
        this.#events(stop.signal, resume).subscribe({
          next: (event) => {
            for (const told of feed.next(event)) subscriber.next(told)
          },
          error: (error) =>
            end(() => {
              if (subscriber.closed) this.#unheard = { error }
              subscriber.error(error)
            }),
          complete: () => end(() => subscriber.complete()),
        })
      })
      return () => stop.abort()
    })
  }

  /**
   * Stops a run at its next step boundary, waits for it, and tears the plugins down in reverse order of set-up.
   * @throws what a run failed with after its subscriber had left (a checkpoint that could not be written), or a teardown
   */
  close(): Promise<void> {
    this.#closed ??= (async () => {
      this.#stop.abort()
      await this.#running
      await this.#setUp.teardown()
      if (this.#unheard) throw this.#unheard.error
    })()
    return this.#closed
  }

  get #container(): Container {
    return this.#setUp.container
  }

  #refuseClosed(): void {
    if (this.#closed) throw new UniDiagError('PIPELINE_FROZEN', 'this pipeline is closed')
  }

  #events(signal: AbortSignal, resume: boolean): Observable<RunEvent> {
    const started = performance.now()
    const out = this.config.out ?? ''
    return defer(() => this.#prepare(resume)).pipe(
      concatMap(({ notes, checkpoints, checkpoint }) => {
        const parameters = this.#container.get(ParameterStore)
        const stages = this.#container.getAll(Stage)
        const first = Math.max(
          0,
          stages.findIndex((stage) => stage.name === checkpoint?.state.stage),
        )
        const start: RunEvent = {
          type: 'run-start',
          at: new Date().toISOString(),
          out,
          seed: this.config.seed,
          backend: this.#container.get(Backend).name,
          stages: stages.map((stage) => stage.name),
          parameters: parameters.all().reduce((sum, { value }) => sum + value.size, 0),
          resumed: checkpoint !== undefined,
        }
        const runs = stages.slice(first).map((stage, i) =>
          defer(() => {
            if (signal.aborted) return EMPTY
            const context = { random: this.#container.get(RandomSource), parameters, checkpoints, signal, ...(i === 0 && checkpoint && { resume: checkpoint }) }
            return stage.run(context).pipe(stopsWith(signal))
          }),
        )
        const end = defer(() =>
          signal.aborted ? EMPTY : of<RunEvent>({ type: 'run-end', at: new Date().toISOString(), seconds: (performance.now() - started) / 1000, out }),
        )
        return concat(of(start), from(notes), ...runs, end)
      }),
    )
  }

  /** Writes what belongs to the run into its folder, and loads the checkpoint to go on from. */
  async #prepare(resume: boolean): Promise<{ notes: RunEvent[]; checkpoints: CheckpointStore; checkpoint: Checkpoint | undefined }> {
    const { out } = this.config
    const parameters = this.#container.get(ParameterStore)
    const tokenizer = this.#container.getAll(Tokenizer).at(0)
    const task = this.#container.getAll(Task).at(0)
    const meaning = { ...(task && { task: { name: task.name, state: task.state } }), ...(tokenizer && { tokenizer: tokenizer.fingerprint }) }
    const checkpoints = new CheckpointStore({ dir: out, config: this.config, parameters, meaning })
    const checkpoint = resume ? await checkpoints.load('last') : undefined
    const messages: string[] = []
    if (checkpoint) {
      messages.push(...checkResume(checkpoint, this.config, meaning))
      parameters.load(checkpoint.weights, { strict: true, from: checkpoint.file })
    } else {
      if (resume) messages.push(`there is no checkpoint to resume from in ${out ?? 'memory'}; the run starts at the beginning`)
      await checkpoints.setAside()
    }
    if (out !== undefined) {
      await atomicWrite(join(out, 'config.json'), (file) => file.writeFile(`${JSON.stringify(this.config, null, 2)}\n`))
      const { json } = tokenizer ?? {}
      if (json !== undefined) await atomicWrite(join(out, 'tokenizer.json'), (file) => file.writeFile(json))
    }
    return { notes: messages.map((message) => ({ type: 'note', stage: '', message })), checkpoints, checkpoint }
  }
}

/** A stage that goes on after the signal is unsubscribed after its next step. */
function stopsWith(signal: AbortSignal) {
  let steps = 0
  return takeWhile<RunEvent>((event) => !(signal.aborted && event.type === 'step' && ++steps > 1))
}
