/**
 * Builds the production page and serves it for the browser tests, exactly as `npm start` does, headers included. With `GRAFT_TEST_DIST=built` the page in dist/ is served: it was built
 * from the same sources.
 */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { build, preview, type Plugin } from 'vite';
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

interface Answer {
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

/** Calls back with what vite answers, once all of it is sent. */
function listen(response: ServerResponse, heard: (answer: Answer) => void): void {
  const parts: Buffer[] = [];
  const keep = (part: unknown): void => {
    if (typeof part === 'string' || part instanceof Uint8Array) parts.push(Buffer.from(part));
  };
  const write = response.write.bind(response) as (...args: unknown[]) => boolean;
  const end = response.end.bind(response) as (...args: unknown[]) => ServerResponse;
  response.write = (...args: unknown[]) => {
    keep(args[0]);
    return write(...args);
  };
  response.end = (...args: unknown[]) => {
    keep(args[0]);
    return end(...args);
  };
  response.on('finish', () => {
    if (response.statusCode === 200) heard({ headers: response.getHeaders(), body: Buffer.concat(parts) });
  });
}

/** Answers a request as vite did the first time. Vite compresses each file for each request: a tenth of what a page takes to load. */
function compressOnce(): Plugin {
  const answers = new Map<string, Answer>();
  return {
    name: 'compress-once',
    configurePreviewServer({ middlewares }) {
      middlewares.use((request, response, next) => {
        const { url = '', method, headers } = request;
        if (method !== 'GET' || headers['if-none-match'] || headers.range) return next();
        const key = `${headers['accept-encoding']} ${url}`;
        const answer = answers.get(key);
        if (answer) return response.writeHead(200, answer.headers).end(answer.body);
        listen(response, (said) => answers.set(key, said));
        next();
      });
    },
  };
}

export default async function serve(project: TestProject): Promise<() => Promise<void>> {
  if (process.env['GRAFT_TEST_DIST'] !== 'built') await buildPage();
  // A port of its own, so that tests and a running studio do not meet.
  const server = await preview({
    logLevel: 'warn',
    plugins: [compressOnce()],
    preview: { port: 0, strictPort: false },
  });
  const address = server.resolvedUrls?.local[0];
  if (!address) throw new Error('vite preview has no address');
  project.provide('address', address);
  return () => server.close();
}
