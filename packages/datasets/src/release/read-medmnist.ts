import { parse } from 'node:path'
import type { Sample } from '@unidiag/core/contracts/dataset'
import type { Fault } from './fault.js'
import { type ByteArray, readNpz } from './read-npz.js'
import { type Release, ReleaseBuilder } from './release.js'

const ORGANS = ['bladder', 'femur-left', 'femur-right', 'heart', 'kidney-left', 'kidney-right', 'liver', 'lung-left', 'lung-right', 'pancreas', 'spleen']

/** Names of the classes, as the package `medmnist` has them. */
export const medmnistLabels: Readonly<Record<string, readonly string[]>> = {
  pneumoniamnist: ['normal', 'pneumonia'],
  breastmnist: ['malignant', 'normal, benign'],
  octmnist: ['choroidal neovascularization', 'diabetic macular edema', 'drusen', 'normal'],
  organamnist: ORGANS,
  organcmnist: ORGANS,
  organsmnist: ORGANS,
}

const SPLITS = ['train', 'val', 'test']

function samplesOf(file: string, split: string, images: ByteArray, classes: ByteArray, labels: readonly string[], question: string, faults: Fault[]): Sample[] {
  const malformed = (reason: string): Sample[] => {
    faults.push({ code: 'DATA_MALFORMED', file, reason: `${split}: ${reason}` })
    return []
  }
  const [count, height, width, channels = 1] = images.shape
  if (images.shape.length < 3 || (channels !== 1 && channels !== 3)) return malformed(`images of shape [${images.shape.join(', ')}]`)
  if (classes.data.length !== count) return malformed(`${count} images, but labels of shape [${classes.shape.join(', ')}]`)
  const unknown = classes.data.find((label) => labels[label] === undefined)
  if (unknown !== undefined) return malformed(`label ${unknown} has no name`)
  const size = height * width * channels
  const name = parse(file).name
  return Array.from(classes.data, (label, i) => {
    const id = `${name}/${split}/${i}`
    const pixels = () => ({ data: images.data.subarray(i * size, (i + 1) * size), width, height, channels }) as const
    return { id, imageId: id, image: { pixels }, text: question, answers: [labels[label]], answerType: 'closed', fields: { label: String(label) } }
  })
}

/** Reads a file of MedMNIST; every image is asked the one question. */
export async function readMedmnist(file: string, question: string, labels = medmnistLabels[parse(file).name.replace(/_\d+$/, '')]): Promise<Release> {
  const release = new ReleaseBuilder()
  const { faults } = release
  const arrays = await readNpz(file, faults)
  if (!labels) faults.push({ code: 'DATA_MALFORMED', file, reason: 'the names of its classes are not known: give them as `labels`' })
  else if (faults.length === 0) {
    for (const split of SPLITS) {
      const [images, classes] = [arrays.get(`${split}_images`), arrays.get(`${split}_labels`)]
      if (images && classes) release.add(split, file, samplesOf(file, split, images, classes, labels, question, faults))
      else faults.push({ code: 'DATA_MALFORMED', file, reason: `lacks "${split}_images" or "${split}_labels"` })
    }
  }
  return release.build(parse(file).name)
}
