import { Fault } from '../fault.js'
import { Cursor } from './cursor.js'
import { type Builders, Machine } from './machine.js'
import { parseFloating, parseInteger, parseQuoted, parseRawUnicode, parseTwosComplement } from './text-literals.js'
import { Global } from './values.js'

type Opcode = (m: Machine) => void

/** The opcodes of pickle protocols 0 to 5 but STOP, by byte (Python's pickletools says what each does). */
const opcodes = new Map<number, Opcode>()
const define = (code: string | number, opcode: Opcode) => opcodes.set(typeof code === 'string' ? code.charCodeAt(0) : code, opcode)
const constant = (code: string | number, value: () => unknown) => define(code, (m) => m.push(value()))
/** An opcode that reads one value. */
const literal = (code: string | number, read: (cursor: Cursor) => unknown) => define(code, (m) => m.push(read(m.cursor)))

constant('N', () => null)
constant(0x88, () => true)
constant(0x89, () => false)
constant('}', () => new Map())
constant(']', () => [])
constant(')', () => [])
constant(0x8f, () => new Set())

literal('I', (c) => parseInteger(c.line()))
literal('L', (c) => parseInteger(c.line()))
literal('J', (c) => c.i32())
literal('K', (c) => c.u8())
literal('M', (c) => c.u16())
literal(0x8a, (c) => parseTwosComplement(c.take(c.u8())))
literal(0x8b, (c) => parseTwosComplement(c.take(c.u32())))
literal('F', (c) => parseFloating(c.line()))
literal('G', (c) => c.f64())
literal('S', (c) => parseQuoted(c.line()))
literal('T', (c) => c.latin1(c.u32()))
literal('U', (c) => c.latin1(c.u8()))
literal('V', (c) => parseRawUnicode(c.line()))
literal('X', (c) => c.utf8(c.u32()))
literal(0x8c, (c) => c.utf8(c.u8()))
literal(0x8d, (c) => c.utf8(c.u64()))
literal('B', (c) => c.take(c.u32()))
literal('C', (c) => c.take(c.u8()))
literal(0x8e, (c) => c.take(c.u64()))
literal(0x96, (c) => c.take(c.u64()))

define('(', (m) => m.mark())
define('0', (m) => m.pop())
define('1', (m) => m.popMark())
define('2', (m) => m.push(m.top()))

define('t', (m) => m.push(m.popMark()))
define('l', (m) => m.push(m.popMark()))
define(0x85, (m) => m.push([m.pop()]))
define(0x86, (m) => m.push([m.pop(), m.pop()].reverse()))
define(0x87, (m) => m.push([m.pop(), m.pop(), m.pop()].reverse()))
define(0x91, (m) => m.push(new Set(m.popMark())))
define('d', (m) => {
  const items = m.popMark()
  m.push(new Map())
  m.setItems(items)
})
define('a', (m) => {
  const item = m.pop()
  m.append([item])
})
define('e', (m) => m.append(m.popMark()))
define(0x90, (m) => m.append(m.popMark()))
define('s', (m) => m.setItems([m.pop(), m.pop()].reverse()))
define('u', (m) => m.setItems(m.popMark()))

define('p', (m) => m.memoize(memoIndex(m.cursor.line())))
define('q', (m) => m.memoize(m.cursor.u8()))
define('r', (m) => m.memoize(m.cursor.u32()))
define(0x94, (m) => m.memoize())
define('g', (m) => m.recall(memoIndex(m.cursor.line())))
define('h', (m) => m.recall(m.cursor.u8()))
define('j', (m) => m.recall(m.cursor.u32()))

define('c', (m) => m.push(global(m.cursor.line(), m.cursor.line())))
define(0x93, (m) => {
  const [module, name] = [m.pop(), m.pop()].reverse()
  m.push(global(module, name))
})
define('Q', (m) => m.push(m.builders.persistent(m.pop())))
define('P', (m) => m.push(m.builders.persistent(m.cursor.line())))

define('R', (m) => {
  const args = m.popArray()
  m.call(m.popGlobal(), args)
})
define('i', (m) => {
  const { path } = global(m.cursor.line(), m.cursor.line())
  m.call(path, m.popMark())
})
define('o', (m) => {
  const [made, ...args] = m.popMark()
  if (!(made instanceof Global)) throw new Fault('it calls something that is no function')
  m.call(made.path, args)
})
define(0x81, (m) => {
  m.popArray()
  m.instantiate(m.popGlobal())
})
define(0x92, (m) => {
  m.pop()
  m.popArray()
  m.instantiate(m.popGlobal())
})
define('b', (m) => m.build())

define(0x80, (m) => {
  const protocol = m.cursor.u8()
  if (protocol > 5) throw new Fault(`its pickle protocol is ${protocol}; 0 to 5 are known`)
})
// A frame only tells how much to read ahead, and a buffer that is read-only is one as well.
define(0x95, (m) => void m.cursor.u64())
define(0x98, () => {})
for (const code of [0x82, 0x83, 0x84]) define(code, refuse('a class of the extension registry'))
define(0x97, refuse('a buffer outside of the pickle'))

const STOP = 0x2e

/**
 * Reads one pickle without running any of it: the result is made of maps, arrays, sets, strings, numbers, bytes, what `builders` make,
 * and placeholders. Uses no recursion, and memory in proportion to the bytes.
 * @throws Fault, CutOff
 */
export function unpickle(bytes: Uint8Array, at: number, builders: Builders): { readonly value: unknown; readonly end: number } {
  const cursor = new Cursor(bytes, at)
  const machine = new Machine(cursor, builders)
  for (;;) {
    const code = cursor.u8()
    if (code === STOP) return { value: machine.pop(), end: cursor.at }
    const opcode = opcodes.get(code)
    if (!opcode) throw new Fault(`byte ${cursor.at - 1} is 0x${code.toString(16)}, which is no pickle opcode`)
    opcode(machine)
  }
}

function global(module: unknown, name: unknown): Global {
  if (typeof module !== 'string' || typeof name !== 'string') throw new Fault('it names a function by something that is no text')
  return new Global(`${module}.${name}`)
}

function memoIndex(line: string): number {
  if (!/^\d{1,9}$/.test(line)) throw new Fault(`it numbers a stored value ${JSON.stringify(line.slice(0, 40))}`)
  return Number(line)
}

function refuse(what: string): Opcode {
  return () => {
    throw new Fault(`it needs ${what}`)
  }
}
