/** A small server of the built page, or of another folder, that remembers every request: what reaches it has left the browser. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { headers } from '../../vite.config.ts';

const DIST = join(import.meta.dirname, '../../dist');
const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
  '.css': 'text/css',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
};

export interface Site {
  /** With a slash at the end. */
  readonly address: string;
  /** Paths that were asked for, in order. */
  readonly requests: string[];
  /** Serves another text under a path from now on. */
  change(path: string, edit: (text: string) => string): Promise<void>;
  close(): Promise<void>;
}

/**
 * @param hubs origins that models may come from
 * @param plain whether no headers are sent, as by a host of static files
 * @param folder whose files are served
 */
export async function serveDist(hubs: string[] = [], { plain = false, folder = DIST } = {}): Promise<Site> {
  const sent = plain ? {} : headers(hubs);
  const requests: string[] = [];
  const changed = new Map<string, Buffer>();
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://site').pathname);
    requests.push(path);
    const name = path.endsWith('/') ? `${path}index.html` : path;
    const known = changed.get(name);
    void (known ? Promise.resolve(known) : readFile(join(folder, normalize(name)))).then(
      (body) => {
        // No validators and no lifetime: the browser's own cache cannot stand in for the network.
        response.writeHead(200, {
          ...sent,
          'Content-Type': TYPES[extname(name)] ?? 'application/octet-stream',
          'Cache-Control': 'no-store',
        });
        response.end(body);
      },
      () => response.writeHead(404, sent).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  return {
    address: `http://localhost:${(server.address() as AddressInfo).port}/`,
    requests,
    async change(path, edit) {
      changed.set(path, Buffer.from(edit(await readFile(join(folder, path), 'utf8'))));
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
