import { parseDicom } from './parse-dicom.js'

/**
 * Texts of the elements that are named, and of no others: a DICOM file holds who its patient is.
 * @param tags numbers of elements by the names that the texts get, e.g. `{ modality: '00080060' }`
 * @throws Error when the bytes are not a DICOM file
 */
export function dicomTexts(bytes: Uint8Array, tags: Readonly<Record<string, string>>): Record<string, string> {
  const { data } = parseDicom(bytes)
  const texts = Object.entries(tags).map(([name, tag]) => {
    const key = `x${tag.toLowerCase()}`
    return [name, data.elements[key] ? (data.string(key)?.trim() ?? '') : ''] as const
  })
  return Object.fromEntries(texts.filter(([, text]) => text !== ''))
}
