import { backend_util } from '@tensorflow/tfjs-core'
import { aten, atenList } from '../aten.js'
import { FLOAT32 } from '../dtypes.js'
import type { Attributes, Compute, KernelTable } from '../kernel.js'
import type { TorchData } from '../torch-data.js'
import { finish } from './matmul.js'
import { channelsBack, channelsFirst, cropped, padded, paddedShape, padding, type Window, window2D, window3D } from './window.js'

const convolution = aten('convolution')
const convolutionBackward = atenList('convolution_backward')
const permute = aten('permute')
const reshape = aten('reshape')
const empty = aten('empty.memory_format')

/** How tfjs's filters lie: [...spatial, in, out], or [...spatial, in, multiplier] with one group a channel. */
interface Layout {
  readonly groups: (w: Window) => number
  readonly toTorch: (filter: TorchData) => TorchData
  readonly toTfjs: (filter: TorchData, shape: readonly number[]) => TorchData
  readonly shape: (shape: readonly number[]) => number[]
}

const spatial = (shape: readonly number[]): number[] => shape.slice(0, -2)

const dense: Layout = {
  groups: () => 1,
  toTorch: (f) => permute(f, [f.shape.length - 1, f.shape.length - 2, ...spatial(f.shape).keys()]),
  toTfjs: (f) => permute(f, [...spatial(f.shape).map((_, i) => i + 2), 1, 0]),
  shape: (s) => [s.at(-1)!, s.at(-2)!, ...spatial(s)],
}

const depthwise: Layout = {
  groups: (w) => w.inChannels,
  toTorch: (f) => reshape(permute(f, [2, 3, 0, 1]), depthwise.shape(f.shape)),
  toTfjs: (f, [h, w, c, m]) => permute(reshape(f, [c!, m!, h!, w!]), [2, 3, 0, 1]),
  shape: ([h, w, c, m]) => [c! * m!, 1, h!, w!],
}

function forward(x: TorchData, filter: TorchData, w: Window, layout: Layout): TorchData {
  const input = padded(channelsFirst(x, w), w, 0)
  const none = w.input.map(() => 0)
  const y = convolution(input, layout.toTorch(filter), null, w.strides, padding(w), w.dilations, false, none, layout.groups(w))
  return channelsBack(y, w)
}

function inputGradient(dy: TorchData, filter: TorchData, w: Window, layout: Layout): TorchData {
  // Only the sizes of the input are read.
  const input = empty([w.batch, w.inChannels, ...paddedShape(w)], FLOAT32)
  const mask = [true, false, false]
  const none = w.input.map(() => 0)
  const gradient = channelsFirst(dy, w)
  const [dx] = convolutionBackward(gradient, input, layout.toTorch(filter), null, w.strides, padding(w), w.dilations, false, none, layout.groups(w), mask)
  return channelsBack(cropped(dx!, w), w)
}

function filterGradient(x: TorchData, dy: TorchData, shape: readonly number[], w: Window, layout: Layout): TorchData {
  const input = padded(channelsFirst(x, w), w, 0)
  const filter = empty(layout.shape(shape), FLOAT32)
  const mask = [false, true, false]
  const none = w.input.map(() => 0)
  const gradient = channelsFirst(dy, w)
  const [df] = convolutionBackward(gradient, input, filter, null, w.strides, padding(w), w.dilations, false, none, layout.groups(w), mask)
  return layout.toTfjs(df!, shape)
}

type Geometry = (input: readonly number[], filter: readonly number[], attributes: Attributes) => Window

const geometry2D =
  (depthwiseLayout: boolean): Geometry =>
  (input, filter, a) => {
    const format = backend_util.convertConv2DDataFormat(a.dataFormat ?? 'NHWC')
    const dilations = a.dilations ?? 1
    return window2D(backend_util.computeConv2DInfo(input as never, filter as never, a.strides, dilations, a.pad, a.dimRoundingMode, depthwiseLayout, format))
  }

const geometry3D: Geometry = (input, filter, a) => window3D(backend_util.computeConv3DInfo(input as never, filter as never, a.strides, a.dilations ?? 1, a.pad))

const kernels = (geometry: Geometry, layout: Layout): { forward: Compute; input: Compute; filter: Compute } => ({
  forward: ({ x, filter }, a) => forward(x!, filter!, geometry(x!.shape, filter!.shape, a), layout),
  input: ({ dy, filter }, a) => inputGradient(dy!, filter!, geometry(a.inputShape, filter!.shape, a), layout),
  filter: ({ x, dy }, a) => filterGradient(x!, dy!, a.filterShape, geometry(x!.shape, a.filterShape, a), layout),
})

const conv2D = kernels(geometry2D(false), dense)
const conv3D = kernels(geometry3D, dense)
const depthwise2D = kernels(geometry2D(true), depthwise)

/** A bias or alpha per channel must meet the channels, which are not last in NCHW. */
function channelwise(x: TorchData | undefined, attributes: Attributes): TorchData | undefined {
  return x !== undefined && attributes.dataFormat === 'NCHW' && x.shape.length === 1 && x.shape[0]! > 1 ? reshape(x, [x.shape[0]!, 1, 1]) : x
}

const fused =
  (compute: Compute): Compute =>
  (inputs, a) => {
    const y = compute(inputs, a) as TorchData
    const rest = { bias: channelwise(inputs.bias, a), preluActivationWeights: channelwise(inputs.preluActivationWeights, a) }
    return finish(y, rest as never, a)
  }

export const convolutionKernels: KernelTable = {
  Conv2D: conv2D.forward,
  Conv2DBackpropInput: conv2D.input,
  Conv2DBackpropFilter: conv2D.filter,
  Conv3D: conv3D.forward,
  Conv3DBackpropInputV2: conv3D.input,
  Conv3DBackpropFilterV2: conv3D.filter,
  DepthwiseConv2dNative: depthwise2D.forward,
  DepthwiseConv2dNativeBackpropInput: depthwise2D.input,
  DepthwiseConv2dNativeBackpropFilter: depthwise2D.filter,
  FusedConv2D: fused(conv2D.forward),
  FusedDepthwiseConv2D: fused(depthwise2D.forward),
}
