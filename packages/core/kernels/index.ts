// Kernels of the wasm backend, in AssemblyScript (a strict subset of TypeScript's syntax with wasm's types). They work on the memory of tfjs's
// own wasm module; every argument that is a `usize` is an address in it.
export { gelu, geluGrad, quickGelu, quickGeluGrad } from './activation'
export { attention, attentionGrad } from './attention'
export { crossEntropy, crossEntropyGrad } from './cross-entropy'
export { layerNorm, layerNormGrad } from './layer-norm'
export { matmul, matmulScratch } from './matmul'
export { adamw, ema, sum, sumOfSquares } from './optimizer'
export { keepMask, normals } from './random'
export { columnSum, fillRows, gatherRows, scatterRows } from './rows'
