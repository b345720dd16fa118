/** Made by the build: where the compiled kernels of the CPU engine are served. */
declare module 'virtual:cpu-kernels' {
  export const relaxed: string;
  export const simd: string;
}

/** Made by the build: where the program of the chat pages is served. */
declare module 'virtual:chat-page' {
  const address: string;
  export default address;
}

/** Made by the build: where the two files of ONNX Runtime are served. */
declare module 'virtual:onnxruntime' {
  export const glue: string;
  export const wasm: string;
}

/** Reads files in a worker, which may wait for them: TypeScript has it for pages without it, and for workers without the page. */
declare class FileReaderSync {
  readAsArrayBuffer(blob: Blob): ArrayBuffer;
}
