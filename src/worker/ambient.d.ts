/** Made by the build: where the compiled kernels of the CPU engine are served. */
declare module 'virtual:cpu-kernels' {
  export const relaxed: string;
  export const simd: string;
}
