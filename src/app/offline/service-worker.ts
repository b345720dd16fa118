/**
 * The service worker: keeps every file of this version of the app, and answers from there. Few large ones that most visitors never need are kept when
 * they are first used. It asks the network in one place, and tells the pages each time. A new version waits until a page asks it to take over.
 */

interface ExtendableEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface FetchEvent extends ExtendableEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}
/** The parts of the global scope that this file uses; TypeScript's library for it conflicts with that of pages. */
interface Scope {
  readonly registration: ServiceWorkerRegistration;
  readonly clients: {
    claim(): Promise<void>;
    matchAll(options: {
      includeUncontrolled: boolean;
    }): Promise<readonly { postMessage(message: unknown): void }[]>;
  };
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install' | 'activate', listener: (event: ExtendableEvent) => void): void;
  addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void;
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
}
interface AppFile {
  readonly url: string;
  /** Hash of the content; null if the name has one. */
  readonly revision: string | null;
  /** Whether it is kept when it is first used. */
  readonly onUse?: true;
}

/** As in vite.config.ts: with these, threads may share memory, also if the host of the page sends no headers of its own. */
const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

const scope = self as unknown as Scope;
/** Filled in by the build. */
const FILES = (self as unknown as { readonly __WB_MANIFEST: readonly AppFile[] }).__WB_MANIFEST;
const BASE = scope.registration.scope;
const PREFIX = `graft-files ${BASE} `;
const CACHE = PREFIX + checksum(JSON.stringify(FILES));

/** From an address to the key of its cached answer. */
const keysOf = (files: readonly AppFile[]): Map<string, string> =>
  new Map(
    files.map(({ url, revision }) => {
      const { href } = new URL(url, BASE);
      return [href, revision === null ? href : `${href}?revision=${revision}`];
    }),
  );
const keys = keysOf(FILES.filter(({ onUse }) => !onUse));
const keysOnUse = keysOf(FILES.filter(({ onUse }) => onUse));
const index = keys.get(new URL('index.html', BASE).href);
if (index) keys.set(BASE, index);

scope.addEventListener('install', (event) => event.waitUntil(install()));
scope.addEventListener('activate', (event) => event.waitUntil(activate()));
scope.addEventListener('message', ({ data }) => {
  if (data === 'take-over') void scope.skipWaiting();
  // It controls pages from the first load on. Not during activation: in Firefox, requests of a page then wait for a minute and fail.
  else if (data === 'claim') void scope.clients.claim();
});
scope.addEventListener('fetch', (event) => {
  const { request } = event;
  // Requests to other origins are left to the page's policy and the page's count.
  if (request.method === 'GET' && request.url.startsWith(BASE)) event.respondWith(answer(request));
});

/** All files or none: a version that is not complete is never used. Files of an earlier version are not fetched again. */
async function install(): Promise<void> {
  const cache = await caches.open(CACHE);
  for (const key of keysOnUse.values()) {
    const used = await caches.match(key);
    if (used) await cache.put(key, used);
  }
  await Promise.all(
    [...keys].map(async ([href, key]) => {
      if (href === BASE || (await cache.match(key))) return;
      const response =
        (await caches.match(key)) ??
        // A name with a hash cannot be out of date; any other file is checked with the server.
        (await ask(new Request(href, { cache: key === href ? 'default' : 'no-cache' })));
      if (!response.ok) throw new Error(`${href}: ${response.status}`);
      await cache.put(key, isolated(response));
    }),
  );
}

/** The previous version stays for tabs that still run it: its parts have other names. */
async function activate(): Promise<void> {
  const others = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== CACHE);
  await Promise.all(others.slice(0, -1).map((name) => caches.delete(name)));
}

async function answer(request: Request): Promise<Response> {
  const [href] = request.url.split(/[?#]/);
  const onUse = keysOnUse.get(href);
  const key = keys.get(href) ?? onUse ?? href;
  const kept =
    (await caches.match(key, { ignoreVary: true, cacheName: CACHE })) ??
    (await caches.match(href, { ignoreVary: true }));
  if (kept) return isolated(kept);
  const asked = isolated(await ask(request));
  if (onUse !== undefined && asked.ok) await keep(onUse, asked.clone());
  return asked;
}

async function keep(key: string, response: Response): Promise<void> {
  try {
    await (await caches.open(CACHE)).put(key, response);
  } catch {
    // The disk is full. The page has the file all the same, and asks for it again the next time.
  }
}

/**
 * The same answer with the headers of isolation: the page and its workers need them on their own files. Files are stored with them, and what
 * the cache gave is passed on as it is: an answer that is built here lasts until the page has read all of it, and a new version could not take
 * over before.
 */
function isolated(response: Response): Response {
  // A network error and an opaque answer cannot be built again.
  if (response.status === 0 || isIsolated(response)) return response;
  const { body, status, statusText } = response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(ISOLATION)) headers.set(name, value);
  return new Response(body, { status, statusText, headers });
}

function isIsolated({ headers }: Response): boolean {
  return Object.entries(ISOLATION).every(([name, value]) => headers.get(name) === value);
}

async function ask(request: Request): Promise<Response> {
  for (const client of await scope.clients.matchAll({ includeUncontrolled: true }))
    client.postMessage({ type: 'graft-asked', url: request.url });
  return fetch(request);
}

/** FNV-1a, 32 bits: tells versions apart, no more. */
function checksum(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16);
}
