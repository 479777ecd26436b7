// Modules that the build writes beside the compiled ones; imported by package name, so that they are found from sources too.

/** Registers the gradients of tfjs's operators. */
declare module '@unidiag/core/backend/tfjs-gradients' {}

declare module '@unidiag/core/backend/wasm-binary' {
  export const wasmBinary: Uint8Array
}
