/**
 * The HTTP side of `graft serve`: who may ask, what a body may be, and how an answer is sent. Web pages can send requests to servers of the same machine,
 * so a foreign Host (a name that was pointed here: DNS rebinding) and a foreign Origin are refused.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { hostname } from 'node:os';
import { isIP } from 'node:net';
import { GraftError, messageOf } from '../errors.ts';
import { formatBytes } from '../numbers.ts';
import { RequestError, requestError } from './serve-errors.ts';

const MAX_BODY_BYTES = 4_000_000;
/** Connections at once; one that waits for an answer is bounded by the queue. */
const MAX_CONNECTIONS = 1024;
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

/** An answer: a JSON object, or events that come one after the other. */
export type Reply =
  { readonly json: object } | { readonly stream: (send: (event: object) => void) => Promise<void> };

interface Asked {
  /** What the path has after its route. */
  readonly rest: string;
  /** The body, if the method has one. */
  readonly body: unknown;
  /** Aborted when the client leaves. */
  readonly signal: AbortSignal;
  /** Adds to the request's line of the log. */
  readonly note: (text: string) => void;
}

export interface ServeRoute {
  readonly method: 'GET' | 'POST';
  /** From the start of the path; `prefix` routes take what follows it. */
  readonly path: string;
  readonly isPrefix?: boolean;
  readonly answer: (asked: Asked) => Reply | Promise<Reply>;
}

export interface ServeOptions {
  readonly host: string;
  readonly port: number;
  /** Origins of web pages that may ask. */
  readonly origins: readonly string[];
  /** What a client must know; undefined: nothing. */
  readonly key: string | undefined;
  readonly log: (line: string) => void;
}

export interface Serving {
  readonly address: string;
  /** Takes no new requests. @returns once those in progress are done */
  stop(): Promise<void>;
  /** Ends requests in progress. */
  cancel(): void;
  /** How many requests are in progress. */
  readonly inProgress: number;
}

/** Whether only this machine can reach an address. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127\./.test(host);

/** Starts to listen. @throws GraftError `serve-address` */
export async function serveHttp(routes: readonly ServeRoute[], options: ServeOptions): Promise<Serving> {
  const active = new Set<AbortController>();
  let stopping = false;
  const server = createServer((request, response) => {
    const controller = new AbortController();
    active.add(controller);
    const began = performance.now();
    const notes: string[] = [];
    // The client has left, or everything was sent.
    response.on('close', () => {
      controller.abort();
      active.delete(controller);
      // A client may keep the connection for its next request.
      if (stopping) setImmediate(() => server.closeIdleConnections());
      const sent = response.headersSent ? [response.statusCode] : [];
      const status = [...sent, ...(response.writableFinished ? [] : ['client left'])].join(' · ');
      const seconds = ((performance.now() - began) / 1000).toFixed(2);
      const path = pathOf(request).slice(0, 100);
      options.log([`${request.method} ${path}`, status, ...notes, `${seconds} s`].join(' · '));
    });
    const asked = { signal: controller.signal, note: (text: string) => void notes.push(text) };
    void respond(request, response, asked).catch((error: unknown) => {
      if (!(error instanceof RequestError) && !controller.signal.aborted)
        options.log(error instanceof GraftError ? messageOf(error) : stackOf(error));
      refuse(response, requestError(error));
    });
  });
  server.maxConnections = MAX_CONNECTIONS;

  async function respond(
    request: IncomingMessage,
    response: ServerResponse,
    asked: Pick<Asked, 'signal' | 'note'>,
  ): Promise<void> {
    checkHost(request, options.host);
    const origin = checkOrigin(request, options.origins);
    if (origin !== undefined) {
      response.setHeader('Access-Control-Allow-Origin', origin);
      response.setHeader('Vary', 'Origin');
      if (request.method === 'OPTIONS') {
        response.setHeader('Access-Control-Allow-Methods', 'GET, POST');
        response.setHeader(
          'Access-Control-Allow-Headers',
          request.headers['access-control-request-headers'] ?? 'authorization, content-type',
        );
        response.writeHead(204).end();
        return;
      }
    }
    if (options.key !== undefined) checkKey(request, options.key);
    const route = routeOf(routes, request);
    if (stopping) throw new RequestError(503, 'The server is stopping.', { type: 'server_error' });
    const body = route.method === 'POST' ? await readBody(request) : undefined;
    const rest = decodeURIComponentSafely(pathOf(request).slice(route.path.length));
    const reply = await route.answer({ ...asked, body, rest });
    if ('json' in reply) sendJson(response, 200, reply.json);
    else await sendEvents(response, reply.stream, options.log);
  }

  const { host } = options;
  await listen(server, host, options.port);
  const bound = server.address();
  const port = typeof bound === 'object' && bound ? bound.port : options.port;
  return {
    address: `http://${isIP(host) === 6 ? `[${host}]` : host}:${port}/v1`,
    get inProgress() {
      return active.size;
    },
    async stop() {
      stopping = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      await closed;
    },
    cancel() {
      for (const controller of active) controller.abort();
      server.closeAllConnections();
    },
  };
}

const pathOf = ({ url = '/' }: IncomingMessage): string => url.split(/[?#]/, 1)[0];

const stackOf = (error: unknown): string => (error instanceof Error && error.stack) || messageOf(error);

/** @throws RequestError 400 */
function decodeURIComponentSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new RequestError(400, 'The path has a bad escape.');
  }
}

/** What to do where another port is no help, by the system's codes. */
const REMEDIES: Readonly<Record<string, string>> = {
  EADDRNOTAVAIL: 'Give an address of this machine by --host, or 0.0.0.0 for all of them.',
  ENOTFOUND: 'Give a name or an address of this machine by --host.',
  EACCES: 'Choose a --port from 1024 on, which needs no rights.',
};

async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        new GraftError(
          'serve-address',
          cause.code === 'EADDRINUSE'
            ? `Port ${port} of ${host} is taken by another program.`
            : `The server cannot listen on port ${port} of ${host}: ${cause.message}.`,
          REMEDIES[cause.code ?? ''] ?? 'Choose another --port, or 0 for any that is free.',
          { cause },
        ),
      ),
    );
    server.listen(port, host, () => resolve());
  });
}

/** @throws RequestError 403 for a name that is not one of this server's */
function checkHost({ headers }: IncomingMessage, bound: string): void {
  const name = (headers.host ?? '').replace(/:\d*$/, '').toLowerCase();
  // An address as Host cannot be rebound: no name was looked up. On all interfaces, any address may be this machine's.
  const isAddress = isIP(name.replace(/^\[|\]$/g, '')) > 0;
  const isOwn =
    LOOPBACK.includes(name) ||
    name === bound.toLowerCase() ||
    (!isLoopback(bound) && (isAddress || name === hostname().toLowerCase()));
  if (!isOwn)
    throw new RequestError(403, 'The Host of the request is not a name of this server.', {
      code: 'foreign_host',
    });
}

/** @returns the origin of a web page that may ask; undefined if no page asks @throws RequestError 403 for other pages */
function checkOrigin({ headers }: IncomingMessage, origins: readonly string[]): string | undefined {
  const { origin } = headers;
  if (origin !== undefined && !origins.includes(origin))
    throw new RequestError(403, 'Web pages of this origin may not use this server: see --origin.', {
      code: 'foreign_origin',
    });
  return origin;
}

/** Compares digests, which takes as long for every key. @throws RequestError 401 */
function checkKey({ headers }: IncomingMessage, key: string): void {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const [, given = ''] = /^Bearer +(.*)$/i.exec(headers.authorization ?? '') ?? [];
  if (!timingSafeEqual(digest(given), digest(key)))
    throw new RequestError(
      401,
      given === '' ? 'You did not provide an API key.' : 'Incorrect API key provided.',
      { code: 'invalid_api_key', headers: { 'WWW-Authenticate': 'Bearer' } },
    );
}

/** @throws RequestError 404, 405 */
function routeOf(routes: readonly ServeRoute[], request: IncomingMessage): ServeRoute {
  const path = pathOf(request);
  const fitting = routes.filter((route) =>
    route.isPrefix ? path.startsWith(route.path) && path.length > route.path.length : path === route.path,
  );
  // HEAD asks for what GET gives; Node leaves the body out.
  const asked = request.method === 'HEAD' ? 'GET' : request.method;
  const route = fitting.find(({ method }) => method === asked);
  if (route) return route;
  if (fitting.length === 0)
    throw new RequestError(404, `There is nothing at ${path.slice(0, 100)}.`, { code: 'unknown_url' });
  const methods = fitting.map(({ method }) => (method === 'GET' ? 'GET, HEAD' : method)).join(', ');
  throw new RequestError(405, `${path} takes ${methods}.`, { headers: { Allow: methods } });
}

/** @throws RequestError 413, 415, 400 */
async function readBody(request: IncomingMessage): Promise<unknown> {
  const { 'content-encoding': encoding = 'identity' } = request.headers;
  if (encoding !== 'identity')
    throw new RequestError(415, `The body is encoded (${encoding.slice(0, 60)}): send plain JSON.`, {
      code: 'unsupported_encoding',
      headers: { Connection: 'close' },
    });
  const chunks: Buffer[] = [];
  let bytes = 0;
  const check = (): void => {
    if (bytes > MAX_BODY_BYTES || Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES)
      throw new RequestError(413, `The body has more than ${formatBytes(MAX_BODY_BYTES)}.`, {
        code: 'body_too_large',
        headers: { Connection: 'close' },
      });
  };
  check();
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    check();
    chunks.push(chunk);
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)));
  } catch (cause) {
    throw new RequestError(400, `The body is not valid JSON: ${messageOf(cause)}`, { code: 'invalid_json' });
  }
}

function sendJson(
  response: ServerResponse,
  status: number,
  json: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = Buffer.from(JSON.stringify(json));
  response
    .writeHead(status, { ...headers, 'Content-Type': 'application/json', 'Content-Length': body.length })
    .end(body);
}

/** Server-sent events; the last is [DONE]. A failure on the way is an event, since the status is sent already. */
async function sendEvents(
  response: ServerResponse,
  stream: (send: (event: object) => void) => Promise<void>,
  log: (line: string) => void,
): Promise<void> {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  const send = (event: object): void => void response.write(`data: ${JSON.stringify(event)}\n\n`);
  try {
    await stream(send);
    response.end('data: [DONE]\n\n');
  } catch (error) {
    if (!response.closed) log(error instanceof GraftError ? messageOf(error) : stackOf(error));
    send(requestError(error).body);
    response.end();
  }
}

function refuse(response: ServerResponse, error: RequestError): void {
  if (response.closed || response.headersSent) response.destroy();
  else sendJson(response, error.status, error.body, error.parts.headers);
}
