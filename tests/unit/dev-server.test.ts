/** `npm run dev`: what only the build's plugins make is there for the development server, too. */
import { expect, test } from 'vitest';
import { createServer } from 'vite';
import { root } from '../../scripts/machine.mjs';

test('the development server has the kernels of the CPU engine, on a page that may share memory', async () => {
  const server = await createServer({
    ...{ root, logLevel: 'silent', appType: 'custom' },
    server: { middlewareMode: true, ws: false, watch: null },
    optimizeDeps: { noDiscovery: true, include: [] },
  });
  try {
    const asking = await server.transformRequest('/src/worker/device/processor.ts');
    expect(asking?.code).toContain('virtual:cpu-kernels');
    const kernels = await server.transformRequest('virtual:cpu-kernels');
    expect(kernels?.code).toMatch(/relaxed-\w+\.wasm[\s\S]*simd-\w+\.wasm/);
    expect(server.config.server.headers).toMatchObject({ 'Cross-Origin-Opener-Policy': 'same-origin' });
  } finally {
    await server.close();
  }
});
