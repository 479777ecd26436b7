import { Fault } from '../fault.js'
import type { Cursor } from './cursor.js'
import { Global, Opaque } from './values.js'

/** What the restricted unpickler may build besides plain containers. */
export interface Builders {
  /** REDUCE, INST, OBJ: calls of the functions that are known here. @throws Fault for any other */
  call(path: string, args: readonly unknown[]): unknown
  /** BUILD on a value that `call` made. @returns false when it is none */
  build(value: unknown, state: unknown): boolean
  /** BINPERSID: a storage. @throws Fault */
  persistent(id: unknown): unknown
}

/** The stack, the marks and the memo of a pickle, and the few things that opcodes do with them. */
export class Machine {
  readonly cursor: Cursor
  readonly builders: Builders
  readonly #stack: unknown[] = []
  readonly #marks: number[] = []
  /** A map, because a pickle chooses the numbers: an array of them could be as long as it likes. */
  readonly #memo = new Map<number, unknown>()

  constructor(cursor: Cursor, builders: Builders) {
    this.cursor = cursor
    this.builders = builders
  }

  push(value: unknown): void {
    this.#stack.push(value)
  }

  pop(): unknown {
    this.#refuseEmpty()
    return this.#stack.pop()
  }

  top(): unknown {
    this.#refuseEmpty()
    return this.#stack.at(-1)
  }

  popArray(): unknown[] {
    const value = this.pop()
    if (!Array.isArray(value)) throw new Fault('a call in it has no tuple of arguments')
    return value
  }

  popGlobal(): string {
    const value = this.pop()
    if (!(value instanceof Global)) throw new Fault('it calls something that is no function')
    return value.path
  }

  mark(): void {
    this.#marks.push(this.#stack.length)
  }

  /** Everything above the last mark; the mark goes too. */
  popMark(): unknown[] {
    const mark = this.#marks.pop()
    if (mark === undefined) throw new Fault('its stack has no mark where one is needed')
    return this.#stack.splice(mark)
  }

  memoize(index = this.#memo.size): void {
    this.#memo.set(index, this.top())
  }

  recall(index: number): void {
    if (!this.#memo.has(index)) throw new Fault(`it recalls value ${index}, which it never stored`)
    this.push(this.#memo.get(index))
  }

  append(items: readonly unknown[]): void {
    const target = this.top()
    if (Array.isArray(target)) for (const item of items) target.push(item)
    else if (target instanceof Set) for (const item of items) target.add(item)
    else if (target instanceof Opaque) for (const item of items) target.content.set(target.content.size, item)
    else throw new Fault('it appends to something that is no list')
  }

  setItems(items: readonly unknown[]): void {
    const target = this.top()
    const map = target instanceof Opaque ? target.content : target
    if (!(map instanceof Map) || items.length % 2 !== 0) throw new Fault('it sets items of something that is no dictionary')
    for (let i = 0; i < items.length; i += 2) map.set(items[i], items[i + 1])
  }

  call(path: string, args: readonly unknown[]): void {
    this.push(this.builders.call(path, args))
  }

  /** NEWOBJ: an instance of a class. Containers are built; any other class becomes a placeholder that only holds data. */
  instantiate(path: string): void {
    this.push(path === 'collections.OrderedDict' ? new Map() : new Opaque(path))
  }

  build(): void {
    const state = this.pop()
    const target = this.top()
    if (this.builders.build(target, state) || !(target instanceof Opaque)) return
    if (state instanceof Map) for (const [key, value] of state) target.content.set(key, value)
    else target.content.set('state', state)
  }

  #refuseEmpty(): void {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) throw new Fault('its stack runs empty')
  }
}
