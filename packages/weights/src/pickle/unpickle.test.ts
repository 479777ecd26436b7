import { describe, expect, it } from 'vitest'
import { bytes, type Code, call, dict, global, int, list, object, op, pickle, proto, text, tuple } from '../fixtures/pickle.js'
import { builders } from './builders.js'
import { unpickle } from './unpickle.js'
import { Global, Opaque } from './values.js'

const refusing = builders(() => {
  throw new Error('no storages here')
})
const load = (code: Uint8Array) => unpickle(Uint8Array.from(code), 0, refusing).value
const loadCode = (code: Code, version?: number) => load(pickle(code, version))
const loadText = (latin1: string) => load(Buffer.from(latin1, 'latin1'))

const value = new Map<unknown, unknown>([
  ['i', [0, -1, 255, 65536, 2 ** 40, 2n ** 70n, -(2n ** 70n)]],
  ['f', [0.5, -2.25e-10]],
  ['b', [true, false, null]],
  ['t', ['héllo', Uint8Array.of(0, 255)]],
  ['d', new Map([[1, []]])],
  ['s', new Set([3])],
  ['o', new Map([['a', 1]])],
  ['same', [0.5, -2.25e-10]],
])

/** `pickle.dumps(value, protocol)` of CPython 3.11, base64. */
const byPython: Readonly<Record<number, string>> = {
  0: 'KGRwMApWaQpwMQoobHAyCkkwCmFJLTEKYUkyNTUKYUk2NTUzNgphTDEwOTk1MTE2Mjc3NzZMCmFMMTE4MDU5MTYyMDcxNzQxMTMwMzQyNEwKYUwtMTE4MDU5MTYyMDcxNzQxMTMwMzQyNEwKYXNWZgpwMwoobHA0CkYwLjUKYUYtMi4yNWUtMTAKYXNWYgpwNQoobHA2CkkwMQphSTAwCmFOYXNWdApwNwoobHA4ClZo6WxsbwpwOQphY19jb2RlY3MKZW5jb2RlCnAxMAooVlx1MDAwMP8KcDExClZsYXRpbjEKcDEyCnRwMTMKUnAxNAphc1ZkCnAxNQooZHAxNgpJMQoodHNzVnMKcDE3CmNfX2J1aWx0aW5fXwpzZXQKcDE4CigobHAxOQpJMwphdHAyMApScDIxCnNWbwpwMjIKY2NvbGxlY3Rpb25zCk9yZGVyZWREaWN0CnAyMwoodFJwMjQKVmEKcDI1CkkxCnNzVnNhbWUKcDI2Cmc0CnMu',
  1: 'fXEAKFgBAAAAaXEBXXECKEsASv////9L/0oAAAEATDEwOTk1MTE2Mjc3NzZMCkwxMTgwNTkxNjIwNzE3NDExMzAzNDI0TApMLTExODA1OTE2MjA3MTc0MTEzMDM0MjRMCmVYAQAAAGZxA11xBChHP+AAAAAAAABHve7se9UStXJlWAEAAABicQVdcQYoSTAxCkkwMApOZVgBAAAAdHEHXXEIKFgGAAAAaMOpbGxvcQljX2NvZGVjcwplbmNvZGUKcQooWAMAAAAAw79xC1gGAAAAbGF0aW4xcQx0cQ1ScQ5lWAEAAABkcQ99cRBLASlzWAEAAABzcRFjX19idWlsdGluX18Kc2V0CnESKF1xE0sDYXRxFFJxFVgBAAAAb3EWY2NvbGxlY3Rpb25zCk9yZGVyZWREaWN0CnEXKVJxGFgBAAAAYXEZSwFzWAQAAABzYW1lcRpoBHUu',
  2: 'gAJ9cQAoWAEAAABpcQFdcQIoSwBK/////0v/SgAAAQCKBgAAAAAAAYoJAAAAAAAAAABAigkAAAAAAAAAAMBlWAEAAABmcQNdcQQoRz/gAAAAAAAAR73u7HvVErVyZVgBAAAAYnEFXXEGKIiJTmVYAQAAAHRxB11xCChYBgAAAGjDqWxsb3EJY19jb2RlY3MKZW5jb2RlCnEKWAMAAAAAw79xC1gGAAAAbGF0aW4xcQyGcQ1ScQ5lWAEAAABkcQ99cRBLASlzWAEAAABzcRFjX19idWlsdGluX18Kc2V0CnESXXETSwNhhXEUUnEVWAEAAABvcRZjY29sbGVjdGlvbnMKT3JkZXJlZERpY3QKcRcpUnEYWAEAAABhcRlLAXNYBAAAAHNhbWVxGmgEdS4=',
  3: 'gAN9cQAoWAEAAABpcQFdcQIoSwBK/////0v/SgAAAQCKBgAAAAAAAYoJAAAAAAAAAABAigkAAAAAAAAAAMBlWAEAAABmcQNdcQQoRz/gAAAAAAAAR73u7HvVErVyZVgBAAAAYnEFXXEGKIiJTmVYAQAAAHRxB11xCChYBgAAAGjDqWxsb3EJQwIA/3EKZVgBAAAAZHELfXEMSwEpc1gBAAAAc3ENY2J1aWx0aW5zCnNldApxDl1xD0sDYYVxEFJxEVgBAAAAb3ESY2NvbGxlY3Rpb25zCk9yZGVyZWREaWN0CnETKVJxFFgBAAAAYXEVSwFzWAQAAABzYW1lcRZoBHUu',
  4: 'gASVvQAAAAAAAAB9lCiMAWmUXZQoSwBK/////0v/SgAAAQCKBgAAAAAAAYoJAAAAAAAAAABAigkAAAAAAAAAAMBljAFmlF2UKEc/4AAAAAAAAEe97ux71RK1cmWMAWKUXZQoiIlOZYwBdJRdlCiMBmjDqWxsb5RDAgD/lGWMAWSUfZRLASlzjAFzlI+UKEsDkIwBb5SMC2NvbGxlY3Rpb25zlIwLT3JkZXJlZERpY3SUk5QpUpSMAWGUSwFzjARzYW1llGgEdS4=',
  5: 'gAWVvQAAAAAAAAB9lCiMAWmUXZQoSwBK/////0v/SgAAAQCKBgAAAAAAAYoJAAAAAAAAAABAigkAAAAAAAAAAMBljAFmlF2UKEc/4AAAAAAAAEe97ux71RK1cmWMAWKUXZQoiIlOZYwBdJRdlCiMBmjDqWxsb5RDAgD/lGWMAWSUfZRLASlzjAFzlI+UKEsDkIwBb5SMC2NvbGxlY3Rpb25zlIwLT3JkZXJlZERpY3SUk5QpUpSMAWGUSwFzjARzYW1llGgEdS4=',
}

describe('unpickle', () => {
  it.each(Object.keys(byPython).map(Number))('reads what Python writes in protocol %i', (protocol) => {
    const read = load(Buffer.from(byPython[protocol], 'base64'))
    expect(read).toEqual(value)
    // A value that was pickled once and named twice is one value.
    const map = read as Map<unknown, unknown>
    expect(map.get('same')).toBe(map.get('f'))
  })

  it('reads the strings of Python 2', () => {
    expect(loadText("S'a\\'b\\\\\\n\\xff'\n.")).toBe("a'b\\\nÿ")
    expect(loadText('U\x02\xe9\x80.')).toBe('é\x80')
    expect(loadText('Vraw \\u00e9 \\U0001f600 \xe9\n.')).toBe('raw é 😀 é')
  })

  it('reads numbers in text', () => {
    expect(['I00', 'I01', 'I-7', 'L123456789012345678901234567890L', 'F1e3', 'Finf', 'F-inf'].map((number) => loadText(`${number}\n.`))).toEqual([
      false,
      true,
      -7,
      123456789012345678901234567890n,
      1000,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
    ])
    expect(loadText('Fnan\n.')).toBeNaN()
  })

  it('takes marks, duplicates, and values that are thrown away', () => {
    expect(loadText('((K\x01K\x021t.')).toEqual([])
    expect(loadText('K\x01K\x020.')).toBe(1)
    expect(loadText('K\x012\x86.')).toEqual([1, 1])
    expect(loadText('(K\x01K\x02d.')).toEqual(new Map([[1, 2]]))
  })

  it('names functions and classes, and looks none up', () => {
    expect(loadCode(global('os', 'system'))).toEqual(new Global('os.system'))
    expect(loadCode([...text('os'), ...text('system'), 0x93], 4)).toEqual(new Global('os.system'))
  })

  it('puts a placeholder for an object of a class, with its data', () => {
    const made = loadCode(object(global('argparse', 'Namespace'), dict({ lr: int(3) })))
    expect(made).toBeInstanceOf(Opaque)
    expect(made).toMatchObject({ of: 'argparse.Namespace', content: new Map([['lr', 3]]) })
    // A dictionary of a class of its own, and one with attributes.
    const custom = [...global('custom', 'Dict'), ...op(')'), 0x81, ...op('('), ...text('a'), ...int(1), ...op('u')]
    expect(loadCode(custom)).toMatchObject({ content: new Map([['a', 1]]) })
    const attributed = [
      ...call(global('collections', 'OrderedDict')),
      ...op('('),
      ...text('a'),
      ...int(1),
      ...op('u'),
      ...dict({ _metadata: int(2) }),
      ...op('b'),
    ]
    expect(loadCode(attributed)).toEqual(new Map([['a', 1]]))
  })

  it('puts placeholders for harmless calls', () => {
    expect(loadCode(call(global('pathlib', 'PosixPath'), text('/tmp')))).toMatchObject({ of: 'pathlib.PosixPath' })
    expect(loadCode(call(global('copy_reg', '_reconstructor'), global('my', 'Config'), global('__builtin__', 'object'), op('N')))).toMatchObject({
      of: 'my.Config',
    })
    expect(loadCode(call(global('torch', 'Size'), tuple(int(2), int(3))))).toEqual([2, 3])
    expect(loadCode(call(global('collections', 'OrderedDict'), list(list(text('a'), int(1)))))).toEqual(new Map([['a', 1]]))
  })

  const refused: readonly (readonly [string, () => unknown, RegExp])[] = [
    ['os.system', () => loadCode(call(global('os', 'system'), text('echo pwned'))), /wants to call os\.system, which is not one of/],
    ['posix.system', () => loadCode(call(global('posix', 'system'), text('echo pwned'))), /wants to call posix\.system/],
    ['eval', () => loadCode(call(global('builtins', 'eval'), text('1'))), /wants to call builtins\.eval/],
    ['getattr', () => loadCode(call(global('builtins', 'getattr'), text('a'), text('b'))), /wants to call builtins\.getattr/],
    ['a method of a prototype', () => loadCode(call(global('constructor', ''), text('a'))), /wants to call constructor\./],
    ['toString', () => loadText('ctoString\n\n)R.'), /wants to call toString\./],
    ['a call by INST', () => loadText("(S'ls'\nios\nsystem\n."), /wants to call os\.system/],
    ['a call by OBJ', () => loadText("(cos\nsystem\nS'ls'\no."), /wants to call os\.system/],
    ['a call of a string', () => loadCode(call(text('os.system'), text('ls'))), /something that is no function/],
    ['a call without arguments', () => loadCode([...global('os', 'system'), ...int(1), ...op('R')]), /no tuple of arguments/],
    [
      'an unknown rebuild function behind a known one',
      () => loadCode(call(global('torch._tensor', '_rebuild_from_type_v2'), global('os', 'system'), op('N'), tuple(text('ls')), op('N'))),
      /rebuilds a tensor by os\.system/,
    ],
    [
      'a value outside of the pickle',
      () =>
        unpickle(
          pickle([...text('x'), ...op('Q')]),
          0,
          builders((id) => {
            throw new Error(`asked for ${id}`)
          }),
        ),
      /asked for x/,
    ],
    ['an extension code', () => loadCode([0x82, 1]), /extension registry/],
    ['a buffer outside', () => loadCode([0x97], 5), /buffer outside/],
    ['a later protocol', () => load(Uint8Array.from([...proto(9), ...op('N.')])), /protocol is 9/],
    ['a byte that is no opcode', () => loadCode([0xff]), /byte 2 is 0xff/],
    ['an empty stack', () => loadCode(op('0')), /stack runs empty/],
    ['a pop below a mark', () => loadText('K\x01(0.'), /stack runs empty/],
    ['a missing mark', () => loadText('t.'), /no mark/],
    ['a value that was never stored', () => loadText('h\x05.'), /recalls value 5/],
    ['a strange memo number', () => loadText('Np-1\n.'), /numbers a stored value "-1"/],
    ['items of a number', () => loadText('K\x01K\x02a.'), /no list/],
    ['keys of a list', () => loadText(']K\x01K\x02s.'), /no dictionary/],
    ['a key without a value', () => loadText('}(K\x01u.'), /no dictionary/],
    ['a function named by a number', () => loadCode([...int(1), ...int(2), 0x93], 4), /by something that is no text/],
    ['a long number in text', () => loadText(`I${'9'.repeat(100_000)}\n.`), /holds the number/],
    ['a long binary number', () => load(Uint8Array.from([0x8b, 0xff, 0xff, 0, 0, ...new Array(65535).fill(1), 0x2e])), /number of 65535 bytes/],
    ['no number', () => loadText('Fabc\n.'), /holds the number "abc"/],
    ['a string without quotes', () => loadText('Sabc\n.'), /without quotes/],
    ['a text of 4 GiB', () => loadText('X\xff\xff\xff\xffabc.'), /middle of a value of 4294967295 bytes/],
    ['bytes of 2^63', () => loadText('\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.'), /value of 9223372036854775807 bytes/],
    ['bytes of 2^50', () => loadText('\x8e\x00\x00\x00\x00\x00\x00\x04\x00abc.'), /value of 1125899906842624 bytes/],
    ['no STOP', () => loadText('N'), /ends in the middle/],
    ['a line without end', () => loadText('cos'), /middle of a line/],
    [
      'a numpy array without values',
      () =>
        loadCode([
          ...call(global('numpy.core.multiarray', '_reconstruct')),
          ...tuple(int(1), tuple(int(3)), int(4), [0x89], bytes(Uint8Array.of(1))),
          ...op('b'),
        ]),
      /without a type or a shape/,
    ],
  ]
  it.each(refused)('refuses %s', (_, attempt, reason) => {
    expect(attempt).toThrow(reason)
  })

  it('takes deep nesting and far memo numbers without recursion or large arrays', () => {
    const depth = 200_000
    expect(load(Uint8Array.from([...op(']'), ...Array.from({ length: depth }, () => 0x85), ...op('.')]))).toHaveLength(1)
    expect(loadText('Nr\xff\xff\xff\xffj\xff\xff\xff\xff.')).toBe(null)
  })
})
