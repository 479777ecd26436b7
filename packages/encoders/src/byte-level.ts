/**
 * The printable stand-ins of the 256 bytes in byte-level vocabularies: printable Latin-1 characters stand for themselves,
 * the other bytes for the characters from U+0100 on, in order (so a space is U+0120, "Ġ").
 */
export const byteCharacters: readonly string[] = makeByteCharacters()

function makeByteCharacters(): string[] {
  let next = 0x100
  const printable = (byte: number) => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++))
}

const whitespace = new Set([' ', '\t', '\n', '\r'].map((character) => byteCharacters[character.charCodeAt(0)]))

/** Whether a token of a byte-level vocabulary begins with white space, that is, opens a word. */
export const opensWord = (token: string): boolean => whitespace.has(token[0])

/** GPT-2's split into words, numbers, punctuation (each with the space before it) and contractions. */
const piece = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu
const utf8 = new TextEncoder()

/** The pieces that merges never cross, in byte characters. */
export const bytePieces = (text: string): string[] =>
  (text.match(piece) ?? []).map((part) => Array.from(utf8.encode(part), (byte) => byteCharacters[byte]).join(''))
