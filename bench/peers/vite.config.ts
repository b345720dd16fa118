import { defineConfig } from 'vite';
import { cpuKernels } from '../../scripts/cpu-kernels.ts';

/** Threads may share memory in a page that is isolated from others. */
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export default defineConfig({
  root: new URL('page', import.meta.url).pathname,
  logLevel: 'warn',
  build: {
    outDir: new URL('dist', import.meta.url).pathname,
    emptyOutDir: true,
    target: 'esnext',
    chunkSizeWarningLimit: 1e5,
  },
  worker: { format: 'es', plugins: () => [cpuKernels()] },
  plugins: [cpuKernels()],
  preview: { port: 0, host: 'localhost', headers },
});
