import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describeShared } from '@unidiag/testing/shared'
import { describe, expect, it } from 'vitest'
import { makeRelease } from '../../release/make-release.fixture.js'
import { decode, decodeBytes } from '../decode.js'
import type { View } from '../grey-window.js'
import { isNifti } from './nifti-header.js'

const hash = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex').slice(0, 16)

describeShared('NIfTI volumes', (shared) => {
  const nifti = `${shared}/data/nifti`

  // nibabel 5.4.2 and numpy: voxels to right, front, up (`as_closest_canonical`), cut, scaled by the range of the header or of the volume, turned as radiologists look at them.
  it.each([
    ['anatomical.nii', 'axial', undefined, 33, 41, '2b64db7de64ef4d5'],
    ['anatomical.nii', 'coronal', 3, 33, 25, '5a7c885525d168fe'],
    ['anatomical.nii', 'sagittal', 10, 41, 25, '40e0f13e8677c8c7'],
    ['example4d.nii.gz', 'axial', 29, 128, 96, '29d4e13f6ebe23c0'],
    ['example_nifti2.nii.gz', 'coronal', undefined, 32, 12, '003fda92dfba29a0'],
    ['functional.nii', 'axial', 14, 17, 21, '81003a68bf7097d3'],
    ['reoriented_anat_moved.nii', 'sagittal', undefined, 26, 22, '422fbdf358f12d78'],
    ['standard.nii.gz', 'axial', undefined, 4, 5, 'b2bb1d91f9f822d9'],
  ] as const)('cuts %s as numpy does: %s %s', async (name, plane, frame, width, height, expected) => {
    const picture = await decode(`${nifti}/${name}`, frame, { plane })
    expect([picture.width, picture.height, picture.channels]).toEqual([width, height, 1])
    expect(hash(picture.data)).toBe(expected)
  })

  it('reads a header and the voxels beside it', async () => {
    const bytes = await readFile(`${nifti}/anatomical.nii`)
    const header = Buffer.from(bytes.subarray(0, 348))
    header.write('ni1', 344, 'latin1')
    header.writeFloatBE(0, 108)
    const voxels = bytes.subarray(bytes.readFloatBE(108))
    const whole = await decode(`${nifti}/anatomical.nii`, 3)
    for (const [end, content] of [
      ['.img', voxels],
      ['.img.gz', gzipSync(voxels)],
    ] as const) {
      const dir = await makeRelease({ 'a.hdr': header, [`a${end}`]: content })
      expect((await decode(join(dir, 'a.hdr'), 3)).data).toEqual(whole.data)
    }
    const cut = await makeRelease({ 'a.hdr': header, 'a.img': voxels.subarray(0, 999) })
    await expect(decode(join(cut, 'a.hdr'))).rejects.toMatchObject({ message: expect.stringContaining('the voxels end too early') })
  })

  it('shows a window of values', async () => {
    const view: View = { plane: 'axial', window: { center: 1, width: 1 } }
    expect(new Set((await decode(`${nifti}/anatomical.nii`, 3, view)).data)).toEqual(new Set([0, 255]))
  })

  it.each([
    ['a truncated file', (bytes: Buffer) => bytes.subarray(0, -4), undefined, /the voxels end too early/],
    ['a slice that is not there', (bytes: Buffer) => bytes, 25, /there is no slice 25; slices go from 0 to 24/],
    ['sizes that make no sense', (bytes: Buffer) => bytes.fill(0xff, 42, 48), undefined, /sizes in the header make no sense/],
    ['colours', (bytes: Buffer) => bytes.fill(128, 71, 72), undefined, /voxels of the type 128/],
  ])('refuses %s', async (_, damage, frame, message) => {
    const bytes = damage(await readFile(`${nifti}/anatomical.nii`))
    expect(isNifti(bytes)).toBe(true)
    await expect(decodeBytes('a.nii', async () => bytes, frame)).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE', message: expect.stringMatching(message) })
  })

  it('says that voxels are in another file, or that an archive is cut', async () => {
    await expect(decode(`${nifti}/nifti1.hdr`)).rejects.toMatchObject({ message: expect.stringMatching(/nifti1\.hdr: .*there is no nifti1\.img beside it/) })
    const header = await readFile(`${nifti}/nifti1.hdr`)
    await expect(decodeBytes('a.hdr', async () => header)).rejects.toMatchObject({ message: expect.stringContaining('in a file of their own (.img)') })
    const cut = (await readFile(`${nifti}/standard.nii.gz`)).subarray(0, -20)
    await expect(decodeBytes('a.nii.gz', async () => cut)).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE', message: expect.stringContaining('a.nii.gz: ') })
  })
})

/** A volume of 2 x 3 x 4 voxels numbered from 0, whose header is `change`d. */
function volume(change: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(352 + 24)
  const view = new DataView(bytes.buffer)
  view.setInt32(0, 348, true)
  for (const [i, size] of [3, 2, 3, 4].entries()) view.setInt16(40 + i * 2, size, true)
  view.setInt16(70, 2, true)
  for (const at of [76, 80, 84, 88]) view.setFloat32(at, 1, true)
  view.setFloat32(108, 352, true)
  bytes.set(Buffer.from('n+1\0'), 344)
  // So that grey values are voxel numbers.
  view.setFloat32(124, 255, true)
  for (let i = 0; i < 24; i++) bytes[352 + i] = i
  change(view)
  return bytes
}
const cut = async (change: (view: DataView) => void, frame: number, plane: View['plane'] = 'axial') => [
  ...(await decodeBytes('a.nii', async () => volume(change), frame, { plane })).data,
]

describe('orientation of NIfTI volumes', () => {
  it('takes voxels to lie right, front, up without an orientation', async () => {
    expect(await cut(() => {}, 1)).toEqual([11, 10, 9, 8, 7, 6])
    expect(await cut(() => {}, 0, 'coronal')).toEqual([19, 18, 13, 12, 7, 6, 1, 0])
    expect(await cut(() => {}, 1, 'sagittal')).toEqual([23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1])
  })

  it('follows quaternions', async () => {
    const halfTurn = (view: DataView): void => {
      view.setInt16(252, 1, true)
      // Half a turn about the third axis: right becomes left, front becomes back.
      view.setFloat32(264, 1, true)
    }
    expect(await cut(halfTurn, 1)).toEqual([6, 7, 8, 9, 10, 11])
    expect(
      await cut((view) => {
        halfTurn(view)
        view.setFloat32(76, -1, true)
      }, 1),
    ).toEqual([12, 13, 14, 15, 16, 17])
  })

  it('follows matrices, also ones that exchange axes', async () => {
    const exchanged = (view: DataView): void => {
      view.setInt16(254, 1, true)
      // Voxel axes go to the front, to the left, up.
      for (const [at, value] of [
        [1, -1],
        [4, 1],
        [10, 1],
      ])
        view.setFloat32(280 + at * 4, value, true)
    }
    expect(await cut(exchanged, 0)).toEqual([1, 3, 5, 0, 2, 4])
  })
})
