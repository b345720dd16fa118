import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Plugin } from 'vite';

/** Files of the app that are kept when they are first used: ONNX Runtime and Transformers.js, by their names in `assets/`. */
export const KEPT_ON_USE = /^assets\/(?:ort-wasm|transformers-js)[^/]*\.(?:js|wasm)$/;

/** The name of an asset. Static hosts that do not know `.mjs` send it without the type of a script, and browsers then do not run it. */
export const withoutMjs = ({ names: [name = ''] }: { readonly names: readonly string[] }): string =>
  `assets/[name]-[hash]${name.endsWith('.mjs') ? '.js' : '[extname]'}`;

/**
 * `virtual:onnxruntime`: the addresses of ONNX Runtime's WebAssembly and of what starts it. Transformers.js asks for the build with WebGPU, whose
 * WebAssembly is 27 MB; on a processor the one without computes the same with 14 MB.
 */
export function onnxRuntime(): Plugin {
  const name = 'virtual:onnxruntime';
  const folder = dirname(createRequire(import.meta.url).resolve('onnxruntime-web/wasm'));
  return {
    name: 'graft-onnxruntime',
    enforce: 'pre',
    resolveId(id) {
      if (id === name) return `\0${name}`;
      return id === 'onnxruntime-web/webgpu' ? join(folder, 'ort.wasm.min.mjs') : undefined;
    },
    load(id) {
      if (id !== `\0${name}`) return undefined;
      const file = (ending: string): string =>
        JSON.stringify(`${join(folder, `ort-wasm-simd-threaded.${ending}`)}?url`);
      return `export { default as glue } from ${file('mjs')};\nexport { default as wasm } from ${file('wasm')};`;
    },
  };
}
