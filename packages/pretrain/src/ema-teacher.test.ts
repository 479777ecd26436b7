import { mean, memory, type Scalar, square, sub, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core'
import { computeGradients } from '@unidiag/core/nn/compute-gradients'
import { Linear } from '@unidiag/core/nn/linear'
import { Step } from '@unidiag/core/step'
import { useBackend } from '@unidiag/testing/backends'
import { setUp } from '@unidiag/testing/set-up'
import { tinyBatch } from '@unidiag/testing/tiny-data'
import { tinyModel } from '@unidiag/testing/tiny-model'
import { describe, expect, it } from 'vitest'
import { emaTeacher } from './ema-teacher.js'
import { teacherFeatures } from './targets/teacher-features.js'

const name = 'vision_encoder.class'
const values = (tensor: Tensor | undefined) => [...(tensor?.dataSync() ?? [])]

describe('emaTeacher', () => {
  useBackend()

  const make = async (options: Parameters<typeof emaTeacher>[0] = {}) => {
    const tiny = tinyModel()
    new Linear(tiny.parameters, 'itm_head.fc', 16, 2)
    return { ...tiny, teacher: await setUp(emaTeacher(options), tiny as unknown as Record<string, unknown>) }
  }

  it('starts as a copy of the encoders and fusion, without heads', async () => {
    const { teacher, parameters } = await make()
    expect(teacher.values.size).toBe(0)
    teacher.start()
    expect([...teacher.values.keys()]).toEqual(
      parameters
        .all()
        .map((p) => p.name)
        .filter((n) => n !== 'itm_head.fc.weight' && n !== 'itm_head.fc.bias'),
    )
    for (const [n, value] of teacher.values) expect(values(value)).toEqual(values(parameters.get(n).value))
  })

  it('follows: after 16 updates towards 1, the old value weighs 0.9229', async () => {
    const { teacher, parameters } = await make()
    parameters.get(name).assign(tensor(new Float32Array(8).fill(0)))
    teacher.start()
    parameters.get(name).assign(tensor(new Float32Array(8).fill(1)))
    for (let i = 0; i < 16; i++) teacher.update()
    for (const value of values(teacher.values.get(name))) expect(1 - value).toBeCloseTo(0.995 ** 16, 5)
  })

  it('built from the config: equal encoders, another draw of the rest, heads with scope `all`', async () => {
    const { teacher, parameters } = await make({ initFrom: 'config', scope: 'all' })
    teacher.start()
    const fusion = 'multi_modal_language_pooler.dense.weight'
    expect(values(teacher.values.get(name))).toEqual(values(parameters.get(name).value))
    expect(values(teacher.values.get(fusion))).not.toEqual(values(parameters.get(fusion).value))
    expect(teacher.values.has('itm_head.fc.weight')).toBe(true)
  })

  it('runs with its own values, and gets no gradient', async () => {
    const { teacher, parameters, model } = await make()
    teacher.start()
    parameters.get(name).assign(tensor(new Float32Array(8).fill(3)))
    const batch = await tinyBatch()
    const seen: number[] = []
    const { gradients } = computeGradients(parameters.trainable(), () => {
      const step = new Step({ model, batch, teacher, training: false })
      const student = step.student({ image: 'full', text: 'full' }).image
      const target = teacherFeatures(step).image
      seen.push(...values(sub(student, target)))
      return { total: mean(square(sub(student, target))) as Scalar, parts: {} }
    })
    expect(seen.some((difference) => Math.abs(difference) > 1e-3)).toBe(true)

    // The gradient is that of a fixed target: the same as when the target is a constant.
    const target = tidy(() => values(teacherFeatures(new Step({ model, batch, teacher, training: false })).image)) as number[]
    const constant = computeGradients(parameters.trainable(), () => {
      const student = new Step({ model, batch, training: false }).student({ image: 'full', text: 'full' }).image
      return { total: mean(square(sub(student, tensor(target, student.shape)))) as Scalar, parts: {} }
    })
    expect([...gradients.keys()]).toEqual([...constant.gradients.keys()])
    for (const [n, gradient] of gradients) expect(values(gradient), n).toEqual(values(constant.gradients.get(n)))
  })

  it('owns what it restores, and leaves nothing behind', async () => {
    const { teacher } = await make()
    const before = memory().numTensors
    teacher.start()
    teacher.update()
    teacher.restore(new Map([[name, tensor(new Float32Array(8).fill(2))]]))
    expect(memory().numTensors).toBe(before + 1)
    teacher.dispose()
    expect(memory().numTensors).toBe(before)
  })
})
