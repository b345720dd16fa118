import type { Plugin } from 'vite';
import { kernelFile } from '../src/cli/kernels.ts';

/** `virtual:cpu-kernels`: the addresses of the CPU engine's kernels, which are compiled for the build. */
export function cpuKernels(): Plugin {
  const name = 'virtual:cpu-kernels';
  return {
    name: 'graft-cpu-kernels',
    resolveId: (id) => (id === name ? `\0${name}` : undefined),
    async load(id) {
      if (id !== `\0${name}`) return undefined;
      const [relaxed, simd] = await Promise.all([kernelFile('relaxed'), kernelFile('simd')]);
      return [
        `export { default as relaxed } from ${JSON.stringify(`${relaxed}?url`)};`,
        `export { default as simd } from ${JSON.stringify(`${simd}?url`)};`,
      ].join('\n');
    },
  };
}
