import type { ImagesReport, VariantReport } from './report.js'

const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

/** What is good to know of one reading, a sentence each. */
export function notesOf({ variant, splits, duplicates, leaks, leftOut }: VariantReport): string[] {
  const notes = leftOut.length > 0 ? [`${plural(leftOut.length, 'row')} without text or answer left out: ${leftOut.join(', ')}`] : []
  if (duplicates.length > 0) {
    const extra = duplicates.reduce((sum, group) => sum + group.length - 1, 0)
    notes.push(`${plural(extra, 'row')} with image, question and answer of another row`)
  }
  for (const { splits: pair, images, sameContent, questions } of leaks) {
    const total = splits.find(({ split }) => split === pair[1])!
    if (images.length > 0) notes.push(`leak: ${images.length} of ${total.images} ${pair[1]} images are also in ${pair[0]}`)
    if (sameContent.length > 0) notes.push(`leak: ${plural(sameContent.length, `${pair[1]} image`)} with the content of a ${pair[0]} image of another name`)
    if (questions.length > 0) notes.push(`leak: ${plural(questions.length, `${pair[1]} question`)} asked word for word about the same image in ${pair[0]}`)
  }
  for (const { split, unseenAnswers, questions } of splits) {
    if (unseenAnswers > 0) notes.push(`the answers of ${unseenAnswers} of ${questions} ${split} questions never occur in train`)
  }
  for (const { split, licences = {}, otherScripts = 0, questions } of splits) {
    if (otherScripts > 0) notes.push(`${otherScripts} of ${questions} ${split} texts are not written in Latin letters`)
    const listed = Object.entries(licences).map(([licence, count]) => `${licence} ${count}`)
    if (listed.length > 0) notes.push(`licences of ${split}: ${listed.join(', ')}`)
  }
  return notes.map((note) => `${variant}: ${note}`)
}

export function notesOfImages({ referenced, missing, blank, narrow, duplicates, unused }: ImagesReport): string[] {
  const notes = missing > 0 ? [`${missing} of ${referenced} images are missing`] : []
  const groups = duplicates.map((group) => `the same image under ${group.length} names: ${group.join(', ')}`)
  notes.push(...groups)
  for (const [names, what] of [
    [blank, 'of a single value'],
    [narrow, 'that use less than an eighth of the values'],
    [unused, 'that nothing refers to'],
  ] as const)
    if (names.length > 0) notes.push(`${plural(names.length, 'image')} ${what}: ${names.slice(0, 5).join(', ')}${names.length > 5 ? ', ...' : ''}`)
  return notes
}
