/**
 * Builds the production page and serves it for the browser tests, exactly as `npm start` does. With `GRAFT_TEST_DIST=built` the page in dist/ is served: it was built
 * from the same sources.
 */
import { build, preview } from 'vite';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where the page is served, with a slash at the end. */
    address: string;
  }
}

async function buildPage(): Promise<void> {
  // The test runner's own value would make it a development build.
  const { NODE_ENV } = process.env;
  process.env['NODE_ENV'] = 'production';
  await build({ logLevel: 'warn' });
  process.env['NODE_ENV'] = NODE_ENV;
}

export default async function serve(project: TestProject): Promise<() => Promise<void>> {
  if (process.env['GRAFT_TEST_DIST'] !== 'built') await buildPage();
  // A port of its own, so that tests and a running studio do not meet.
  const server = await preview({ logLevel: 'warn', preview: { port: 0, strictPort: false } });
  const address = server.resolvedUrls?.local[0];
  if (!address) throw new Error('vite preview has no address');
  project.provide('address', address);
  return () => server.close();
}
