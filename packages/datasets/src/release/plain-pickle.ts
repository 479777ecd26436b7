const MARK = Symbol('mark')

/**
 * Reads a pickle of lists, tuples, dictionaries, strings, numbers, booleans and None (protocols 2 to 5). Everything else, above all what would import or
 * call code, is refused.
 * @throws Error that says where the pickle stops to be plain or ends too early
 */
export function readPlainPickle(bytes: Uint8Array): unknown {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const stack: unknown[] = []
  const memo = new Map<number, unknown>()
  let at = 0
  const skip = (count: number): number => {
    if (at + count > bytes.length) throw new Error('the pickle ends too early')
    at += count
    return at - count
  }
  const uint8 = (): number => view.getUint8(skip(1))
  const uint32 = (): number => view.getUint32(skip(4), true)
  const string = (length: number): string => {
    const start = skip(length)
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(start, start + length))
  }
  const pop = (): unknown => {
    if (stack.length === 0 || stack.at(-1) === MARK) throw new Error(`nothing to take at byte ${at}`)
    return stack.pop()
  }
  const popToMark = (): unknown[] => {
    const start = stack.lastIndexOf(MARK)
    if (start < 0) throw new Error(`no mark at byte ${at}`)
    return stack.splice(start).slice(1)
  }
  const append = (items: unknown[]): void => {
    const list = stack.at(-1)
    if (!Array.isArray(list)) throw new Error(`no list at byte ${at}`)
    for (const item of items) list.push(item)
  }
  const setItems = (items: unknown[]): void => {
    const map = stack.at(-1)
    if (!(map instanceof Map)) throw new Error(`no dictionary at byte ${at}`)
    for (let i = 0; i < items.length; i += 2) map.set(items[i], items[i + 1])
  }
  const remembered = (index: number): unknown => {
    if (!memo.has(index)) throw new Error(`nothing remembered at byte ${at}`)
    return memo.get(index)
  }
  const operations: Readonly<Record<number, () => void>> = {
    128: () => void skip(1), // PROTO
    149: () => void skip(8), // FRAME
    40: () => void stack.push(MARK),
    93: () => void stack.push([]), // EMPTY_LIST
    125: () => void stack.push(new Map()), // EMPTY_DICT
    41: () => void stack.push([]), // EMPTY_TUPLE
    78: () => void stack.push(null),
    136: () => void stack.push(true),
    137: () => void stack.push(false),
    75: () => void stack.push(uint8()), // BININT1
    77: () => void stack.push(view.getUint16(skip(2), true)), // BININT2
    74: () => void stack.push(view.getInt32(skip(4), true)), // BININT
    71: () => void stack.push(view.getFloat64(skip(8), false)), // BINFLOAT
    140: () => void stack.push(string(uint8())), // SHORT_BINUNICODE
    88: () => void stack.push(string(uint32())), // BINUNICODE
    148: () => void memo.set(memo.size, stack.at(-1)), // MEMOIZE
    113: () => void memo.set(uint8(), stack.at(-1)), // BINPUT
    114: () => void memo.set(uint32(), stack.at(-1)), // LONG_BINPUT
    104: () => void stack.push(remembered(uint8())), // BINGET
    106: () => void stack.push(remembered(uint32())), // LONG_BINGET
    97: () => append([pop()]), // APPEND
    101: () => append(popToMark()), // APPENDS
    115: () => setItems([pop(), pop()].reverse()), // SETITEM
    117: () => setItems(popToMark()), // SETITEMS
    133: () => void stack.push([pop()]), // TUPLE1
    134: () => void stack.push([pop(), pop()].reverse()), // TUPLE2
    135: () => void stack.push([pop(), pop(), pop()].reverse()), // TUPLE3
    116: () => void stack.push(popToMark()), // TUPLE
  }
  for (;;) {
    const code = uint8()
    // STOP
    if (code === 46) return pop()
    const operation = operations[code]
    if (!operation) throw new Error(`the pickle holds more than lists and texts (operation ${code} at byte ${at - 1})`)
    operation()
  }
}
