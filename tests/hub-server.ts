/**
 * A server that speaks the protocol of the Hugging Face hub: the API's listing, `resolve` with a redirect of large files to a second server (another
 * origin, as the hub's file servers are), ranges, tokens, gates, uploads (hub-upload.ts); and faults on request.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { bodyOf, HubUpload, READ_TOKEN } from './hub-upload.ts';

export interface HubRepo {
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly licence?: string;
  /** Files only for accounts that have accepted the licence: for TOKEN. */
  readonly gated?: boolean;
  /** For TOKEN alone, also the listing. */
  readonly private?: boolean;
}

/** Faults of the next answers to a path, once each. */
export type Fault =
  | { readonly status: number; readonly retryAfter?: number }
  /** The connection is destroyed after this many bytes of the body. */
  | { readonly cut: number }
  /** The answer stalls after this many bytes. */
  | { readonly stall: number }
  /** Chunks with pauses, until `slow` is removed. */
  | { readonly slow: { readonly chunk: number; readonly ms: number } }
  | { readonly ignoreRange: true }
  | { readonly bytes: Uint8Array }
  | { readonly etag: string }
  | { readonly location: string }
  /** An answer with this status whose body never ends, without a length. */
  | { readonly endless: number }
  /** The request is taken, and never answered. */
  | { readonly silent: true }
  /** These bytes of a listing, and nothing after them. */
  | { readonly begins: Uint8Array };

export interface HubRequest {
  readonly server: 'hub' | 'files';
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly range?: string;
  readonly authorization?: string;
}

export const TOKEN = 'hf_aTokenOfTheTests';
/** Smaller files lie in git itself. */
const LARGE_BYTES = 20_000;

const EXPOSED =
  'X-Repo-Commit, X-Error-Code, X-Error-Message, ETag, Link, Accept-Ranges, Content-Range, X-Linked-Size, X-Linked-ETag';

export class HubServer {
  readonly requests: HubRequest[] = [];
  /** Bytes of bodies without an end that were sent. */
  flooded = 0;
  /** Of these, how many are still being sent. */
  floods = 0;
  readonly repos = new Map<string, HubRepo>();
  readonly upload = new HubUpload(this.repos);
  #faults: { readonly pattern: RegExp; readonly fault: Fault; times: number }[] = [];
  readonly #hub: Server;
  readonly #files: Server;

  private constructor() {
    this.#hub = createServer((request, response) => void this.#answer('hub', request, response));
    this.#files = createServer((request, response) => void this.#answer('files', request, response));
  }

  static async start(repos: Readonly<Record<string, HubRepo>> = {}): Promise<HubServer> {
    const server = new HubServer();
    for (const [id, repo] of Object.entries(repos)) server.repos.set(id, repo);
    for (const each of [server.#hub, server.#files])
      await new Promise<void>((resolve) => each.listen(0, 'localhost', resolve));
    return server;
  }

  get address(): string {
    return `http://localhost:${(this.#hub.address() as AddressInfo).port}`;
  }

  get filesAddress(): string {
    return `http://localhost:${(this.#files.address() as AddressInfo).port}`;
  }

  /** @param pattern of paths, at either server, with HEAD and GET alike */
  fail(pattern: RegExp, fault: Fault, times = 1): void {
    this.#faults.push({ pattern, fault, times });
  }

  /** No faults, no requests. */
  reset(): void {
    this.#faults = [];
    this.requests.length = 0;
    this.flooded = 0;
  }

  heal(): void {
    this.#faults = [];
  }

  async close(): Promise<void> {
    for (const server of [this.#hub, this.#files]) {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    }
  }

  #fault(path: string): Fault | undefined {
    const found = this.#faults.find(({ pattern, times }) => times > 0 && pattern.test(path));
    if (found) found.times--;
    return found?.fault;
  }

  async #answer(server: 'hub' | 'files', request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '/';
    const { range, authorization, origin } = request.headers;
    // Like both of the hub's servers: a page may read, and only the hub lets it send a token.
    if (origin !== undefined) {
      response.setHeader('Access-Control-Allow-Origin', server === 'hub' ? origin : '*');
      response.setHeader('Access-Control-Expose-Headers', server === 'hub' ? EXPOSED : '*');
    }
    if (request.method === 'OPTIONS') {
      const allowed = server === 'hub' ? 'Authorization, Range, Content-Type' : 'Content-Type';
      response.setHeader('Access-Control-Allow-Headers', allowed);
      response.setHeader('Access-Control-Allow-Methods', 'GET, HEAD, POST, PUT');
      response.writeHead(204).end();
      return;
    }
    this.requests.push({
      server,
      method: request.method ?? '',
      path,
      ...(range !== undefined && { range }),
      ...(authorization !== undefined && { authorization }),
    });
    const fault = this.#fault(path);
    if (fault && 'status' in fault) {
      const after = fault.retryAfter === undefined ? {} : { 'Retry-After': String(fault.retryAfter) };
      response.writeHead(fault.status, after).end();
    } else if (fault && 'location' in fault) {
      response.writeHead(302, { Location: fault.location }).end();
    } else if (fault && 'endless' in fault && request.method !== 'HEAD') {
      await this.#flood(response, fault.endless);
    } else if (fault && 'silent' in fault) {
      return;
    } else if (fault && 'begins' in fault) {
      response.writeHead(200).write(fault.begins);
    } else if (request.method === 'POST' || request.method === 'PUT') {
      if (fault && 'bytes' in fault) response.writeHead(200).end(fault.bytes);
      else await this.#receive(server, path, request, response);
    } else if (server === 'files') {
      await this.#send(this.#stored(path), request, response, fault);
    } else {
      await this.#hubAnswer(path, request, response, fault);
    }
  }

  async #receive(
    server: 'hub' | 'files',
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const body = await bodyOf(request);
    const { method = '', headers } = request;
    this.upload.heard.push({ method, url: path, headers, body });
    const url = new URL(path, this.filesAddress);
    if (server === 'files') return this.upload.receive(response, method, url, body);
    const { hubAddress, filesAddress } = { hubAddress: this.address, filesAddress: this.filesAddress };
    const writes = headers.authorization === `Bearer ${TOKEN}`;
    if (!writes && headers.authorization !== `Bearer ${READ_TOKEN}`) {
      response.writeHead(401, { 'X-Error-Code': 'InvalidToken' }).end('{}');
      return;
    }
    this.upload.answer(response, { pathname: url.pathname, body, hubAddress, filesAddress }, writes);
  }

  async #flood(response: ServerResponse, status: number): Promise<void> {
    response.writeHead(status, { 'Content-Type': 'application/octet-stream' });
    this.floods++;
    const chunk = Buffer.alloc(1 << 20, '[');
    const endless = async function* (this: HubServer): AsyncGenerator<Buffer> {
      for (;;) {
        this.flooded += chunk.length;
        yield chunk;
        // The reader is in this process.
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    // That the reader leaves is the end of it.
    await pipeline(Readable.from(endless.call(this)), response).catch(() => undefined);
    this.floods--;
  }

  /** The second server has files by the hash of their content, and by name, as a plain server would. */
  #stored(path: string): Uint8Array | undefined {
    const plain = /^\/plain\/([^/]+\/[^/]+)\/([^?]+)/.exec(path);
    if (plain) return this.repos.get(plain[1])?.files[decodeURIComponent(plain[2])];
    const hash = /^\/lfs\/([0-9a-f]{64})/.exec(path)?.[1];
    for (const { files } of this.repos.values())
      for (const bytes of Object.values(files)) if (sha256(bytes) === hash) return bytes;
    return undefined;
  }

  async #hubAnswer(
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
    fault: Fault | undefined,
  ): Promise<void> {
    const { pathname } = new URL(path, this.address);
    // Data sets are repositories whose ids begin with `datasets/` here.
    const listing = /^\/api\/(?:models\/(?!datasets\/))?(.+?)\/revision\/([^/]+)$/.exec(pathname);
    const info = /^\/api\/models\/([^/]+\/[^/]+)$/.exec(pathname);
    const resolved = /^\/(.+?)\/resolve\/([^/]+)\/(.+)$/.exec(pathname);
    const id = (listing ?? resolved ?? info)?.[1];
    const repo = id === undefined ? undefined : this.repos.get(id);
    const allowed = request.headers.authorization === `Bearer ${TOKEN}`;
    const refuse = (status: number, code: string): void => {
      response.writeHead(status, { 'X-Error-Code': code, 'Content-Type': 'application/json' }).end('{}');
    };
    if (request.headers.authorization !== undefined && !allowed) return refuse(401, 'InvalidToken');
    // The hub does not tell strangers which repositories exist.
    if (!repo || (repo.private && !allowed)) return refuse(allowed ? 404 : 401, 'RepoNotFound');
    if (info) {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(listingOf(id!, repo)));
      return;
    }
    const revision = decodeURIComponent((listing ?? resolved)![2]);
    if (revision !== 'main' && revision !== commitOf(repo)) return refuse(404, 'RevisionNotFound');
    if (listing) {
      const body =
        fault && 'bytes' in fault
          ? fault.bytes
          : Buffer.from(JSON.stringify(listingOf(id!.replace(/^datasets\//, ''), repo)));
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(body);
      return;
    }
    if (repo.gated && !allowed)
      return refuse(request.headers.authorization === undefined ? 401 : 403, 'GatedRepo');
    response.setHeader('X-Repo-Commit', commitOf(repo));
    const name = decodeURIComponent(resolved![3]);
    const bytes = Object.hasOwn(repo.files, name) ? repo.files[name] : undefined;
    if (!bytes) return refuse(404, 'EntryNotFound');
    if (bytes.byteLength < LARGE_BYTES) return this.#send(bytes, request, response, fault);
    response.writeHead(302, {
      Location: `${this.filesAddress}/lfs/${sha256(bytes)}?signature=${this.requests.length}`,
      'X-Linked-Size': String(bytes.byteLength),
      'X-Linked-ETag': `"${sha256(bytes)}"`,
    });
    response.end();
  }

  async #send(
    stored: Uint8Array | undefined,
    request: IncomingMessage,
    response: ServerResponse,
    fault: Fault | undefined,
  ): Promise<void> {
    if (!stored) {
      response.writeHead(404).end();
      return;
    }
    const bytes = fault && 'bytes' in fault ? fault.bytes : stored;
    const etag = fault && 'etag' in fault ? fault.etag : `"${sha256(bytes).slice(0, 32)}"`;
    const from = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
    const ranged = from !== undefined && !(fault && 'ignoreRange' in fault);
    if (ranged && Number(from) >= bytes.byteLength) {
      response.writeHead(416, { 'Content-Range': `bytes */${bytes.byteLength}` }).end();
      return;
    }
    const body = bytes.subarray(ranged ? Number(from) : 0);
    response.writeHead(ranged ? 206 : 200, {
      ...(ranged && { 'Content-Range': `bytes ${from}-${bytes.byteLength - 1}/${bytes.byteLength}` }),
      'Content-Length': body.byteLength,
      'Content-Type': 'application/octet-stream',
      ETag: etag,
    });
    if (request.method === 'HEAD') {
      response.end();
    } else if (fault && 'cut' in fault) {
      response.write(body.subarray(0, fault.cut), () => setTimeout(() => response.destroy(), 20));
    } else if (fault && 'stall' in fault) {
      response.write(body.subarray(0, fault.stall));
    } else if (fault && 'slow' in fault) {
      const { chunk, ms } = fault.slow;
      for (let start = 0; start < body.byteLength && !response.destroyed; start += chunk) {
        response.write(body.subarray(start, start + chunk));
        if (this.#faults.length > 0) await new Promise((resolve) => setTimeout(resolve, ms));
      }
      response.end();
    } else {
      response.end(body);
    }
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function gitSha1(bytes: Uint8Array): string {
  return createHash('sha1').update(`blob ${bytes.byteLength}\0`).update(bytes).digest('hex');
}

/** As if it were git's: of the names and the content. */
export function commitOf({ files }: HubRepo): string {
  const hash = createHash('sha1');
  for (const [name, bytes] of Object.entries(files)) hash.update(`${name}\0${sha256(bytes)}\0`);
  return hash.digest('hex');
}

function listingOf(id: string, repo: HubRepo): object {
  return {
    id,
    modelId: id,
    sha: commitOf(repo),
    private: repo.private ?? false,
    gated: repo.gated ? 'manual' : false,
    cardData: repo.licence === undefined ? undefined : { license: repo.licence },
    siblings: Object.entries(repo.files).map(([rfilename, bytes]) => ({
      rfilename,
      size: bytes.byteLength,
      ...(bytes.byteLength < LARGE_BYTES
        ? { blobId: gitSha1(bytes) }
        : {
            blobId: gitSha1(Buffer.from(`pointer to ${rfilename}`)),
            lfs: { sha256: sha256(bytes), size: bytes.byteLength, pointerSize: 134 },
          }),
    })),
  };
}
