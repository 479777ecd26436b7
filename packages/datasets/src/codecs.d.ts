declare module '@cornerstonejs/codec-charls/decodewasmjs' {
  interface JpegLSDecoder {
    getEncodedBuffer(length: number): Uint8Array
    getDecodedBuffer(): Uint8Array
    decode(): void
    getFrameInfo(): { readonly bitsPerSample: number; readonly componentCount: number; readonly isSigned: boolean }
    getInterleaveMode(): number
    delete(): void
  }
  export default function charls(output: {
    print(line: string): void
    printErr(line: string): void
  }): Promise<{ readonly JpegLSDecoder: new () => JpegLSDecoder }>
}

declare module '@cornerstonejs/codec-openjpeg/decodewasmjs' {
  interface J2KDecoder {
    getEncodedBuffer(length: number): Uint8Array
    getDecodedBuffer(): Uint8Array
    decode(): void
    getFrameInfo(): { readonly bitsPerSample: number; readonly componentCount: number; readonly isSigned: boolean }
    delete(): void
  }
  export default function openjpeg(output: { print(line: string): void; printErr(line: string): void }): Promise<{ readonly J2KDecoder: new () => J2KDecoder }>
}

declare module 'jpeg-lossless-decoder-js' {
  export class Decoder {
    readonly frame: { readonly precision: number }
    decompress(buffer: ArrayBufferLike): ArrayBuffer
  }
}
