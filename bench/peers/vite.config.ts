import { createReadStream, existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { defineConfig, type Plugin } from 'vite';
import { cpuKernels } from '../../scripts/cpu-kernels.ts';

/** Threads may share memory only in a page that is isolated from others. */
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** Serves the model folder of the decoding contest below /model/. */
const modelFolder: Plugin = {
  name: 'model-folder',
  configurePreviewServer({ middlewares }) {
    const folder = process.env['PEERS_MODEL'];
    if (!folder) return;
    middlewares.use('/model', (request, response) => {
      const path = join(folder, basename(request.url ?? ''));
      if (!existsSync(path)) response.writeHead(404).end();
      else createReadStream(path).pipe(response.writeHead(200, headers));
    });
  },
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
  plugins: [cpuKernels(), modelFolder],
  preview: { port: 0, host: 'localhost', headers },
});
