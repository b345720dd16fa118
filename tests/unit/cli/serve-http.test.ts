/** The HTTP side of `graft serve`: who may ask, limits, events, the log, and clients that leave. */
import { request as httpRequest } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { RequestError } from '../../../src/cli/serve-errors.ts';
import { serveHttp, type ServeRoute, type ServeOptions, type Serving } from '../../../src/cli/serve-http.ts';
import { ServeQueue } from '../../../src/cli/serve-queue.ts';
import { GraftError } from '../../../src/errors.ts';
import { graftError } from '../expect-graft-error.ts';

let serving: Serving | undefined;
let lines: string[] = [];
afterEach(async () => {
  serving?.cancel();
  await serving?.stop();
  serving = undefined;
});

async function start(routes: readonly ServeRoute[], changes: Partial<ServeOptions> = {}): Promise<URL> {
  lines = [];
  const log = (line: string): void => void lines.push(line);
  serving = await serveHttp(routes, {
    host: '127.0.0.1',
    port: 0,
    origins: [],
    key: undefined,
    log,
    ...changes,
  });
  return new URL(`${serving.address}/`);
}

const hello: ServeRoute = { method: 'GET', path: '/v1/hello', answer: () => ({ json: { hello: 'there' } }) };
const echo: ServeRoute = { method: 'POST', path: '/v1/echo', answer: ({ body }) => ({ json: { body } }) };

/** A request with headers that fetch does not let one set. */
function ask(url: URL, headers: Readonly<Record<string, string>>, method = 'GET'): Promise<number> {
  return new Promise((resolve, reject) => {
    httpRequest(url, { headers, method }, (response) => resolve(response.resume().statusCode!))
      .on('error', reject)
      .end();
  });
}

test('refuses names that are not its own', async () => {
  const at = new URL('hello', await start([hello]));
  const status = (host: string): Promise<number> => ask(at, { host });
  for (const own of ['localhost', `localhost:${at.port}`, '127.0.0.1', `[::1]:${at.port}`])
    expect([own, await status(own)]).toEqual([own, 200]);
  for (const other of ['evil.example', 'localhost.evil.example', '192.168.0.7', '127.0.0.1.nip.io'])
    expect([other, await status(other)]).toEqual([other, 403]);
});

test('takes addresses on all interfaces, and still no foreign names', async () => {
  const url = await start([hello], { host: '0.0.0.0' });
  const at = new URL(`http://127.0.0.1:${url.port}/v1/hello`);
  expect(await ask(at, { host: '192.168.0.7' })).toBe(200);
  expect(await ask(at, { host: 'evil.example' })).toBe(403);
});

test('refuses pages of other origins, and answers those that are allowed with CORS', async () => {
  const allowed = 'http://localhost:5173';
  const at = new URL('hello', await start([hello], { origins: [allowed] }));
  for (const origin of ['http://evil.example', 'null', 'http://localhost:5174'])
    expect(await ask(at, { origin })).toBe(403);
  const response = await fetch(at, { headers: { origin: allowed } });
  expect(response.status).toBe(200);
  expect(response.headers.get('access-control-allow-origin')).toBe(allowed);
  const preflight = await fetch(at, {
    method: 'OPTIONS',
    headers: { origin: allowed, 'access-control-request-headers': 'authorization,x-stainless-os' },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-headers')).toBe('authorization,x-stainless-os');
  expect((await fetch(at)).headers.has('access-control-allow-origin')).toBe(false);
});

test('asks for the key', async () => {
  const at = new URL('hello', await start([hello], { key: 'sesame' }));
  const status = async (authorization?: string): Promise<number> =>
    (await fetch(at, { headers: authorization === undefined ? {} : { authorization } })).status;
  expect(await status('Bearer sesame')).toBe(200);
  for (const wrong of [undefined, 'Bearer open', 'Bearer ', 'sesame', 'Bearer sesame2'])
    expect([wrong, await status(wrong)]).toEqual([wrong, 401]);
  const refused = (await (await fetch(at)).json()) as object;
  expect(refused).toMatchObject({ error: { type: 'invalid_request_error', code: 'invalid_api_key' } });
});

test('refuses bodies that are too large or not JSON, other paths and other methods', async () => {
  const url = await start([hello, echo]);
  const post = async (body: BodyInit, init: RequestInit = {}): Promise<number> =>
    (await fetch(new URL('echo', url), { method: 'POST', body, ...init })).status;
  expect(await post('{"a":1}')).toBe(200);
  expect(await post('{"a":')).toBe(400);
  expect(await post(new Uint8Array([0x22, 0xff, 0x22]))).toBe(400);
  expect(await post(`"${'a'.repeat(5e6)}"`)).toBe(413);
  expect((await fetch(new URL('other', url))).status).toBe(404);
  const other = await fetch(new URL('echo', url));
  expect([other.status, other.headers.get('allow')]).toEqual([405, 'POST']);
  expect((await fetch(new URL('hello', url), { method: 'DELETE' })).headers.get('allow')).toBe('GET, HEAD');
  expect(await post('{}', { headers: { 'Content-Encoding': 'gzip' } })).toBe(415);
});

test('answers HEAD as GET, without the body', async () => {
  const url = await start([hello, echo]);
  const head = await fetch(new URL('hello', url), { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '17', '']);
  expect((await fetch(new URL('echo', url), { method: 'HEAD' })).status).toBe(405);
});

test('counts a body that does not declare its length', async () => {
  const url = await start([echo]);
  const status = await new Promise<number>((resolve, reject) => {
    const sent = httpRequest(new URL('echo', url), { method: 'POST' }, (response) =>
      resolve(response.resume().statusCode!),
    );
    sent.on('error', reject);
    for (let piece = 0; piece < 5; piece++) sent.write('x'.repeat(1e6));
    sent.end();
  });
  expect(status).toBe(413);
});

test('gives no details of a defect, and logs them', async () => {
  const url = await start([
    { method: 'GET', path: '/v1/defect', answer: () => Promise.reject(new TypeError('x is undefined')) },
    {
      ...{ method: 'GET', path: '/v1/known' },
      answer: () => Promise.reject(new GraftError('engine-device-lost', 'The GPU was lost.', 'Start again.')),
    },
  ]);
  const defect = await fetch(new URL('defect', url));
  expect([defect.status, await defect.text()]).toEqual([500, expect.not.stringContaining('undefined')]);
  expect(lines.join('\n')).toContain('x is undefined');
  const known = await fetch(new URL('known', url));
  expect([known.status, await known.json()]).toMatchObject([500, { error: { code: 'engine-device-lost' } }]);
});

test('sends events, and a failure among them as one', async () => {
  const url = await start([
    {
      ...{ method: 'GET', path: '/v1/events' },
      answer: () => ({
        stream: async (send) => {
          send({ n: 1 });
          send({ n: 2 });
        },
      }),
    },
    {
      ...{ method: 'GET', path: '/v1/failing' },
      answer: () => ({
        stream: async (send) => {
          send({ n: 1 });
          throw new RequestError(400, 'No more.');
        },
      }),
    },
  ]);
  const fine = await fetch(new URL('events', url));
  expect(fine.headers.get('content-type')).toBe('text/event-stream');
  expect(await fine.text()).toBe('data: {"n":1}\n\ndata: {"n":2}\n\ndata: [DONE]\n\n');
  const failing = await (await fetch(new URL('failing', url))).text();
  expect(failing).toMatch(/^data: \{"n":1\}\n\ndata: \{"error":\{"message":"No more\."/);
  expect(failing).not.toContain('DONE');
});

test('logs a line for each request, without its content', async () => {
  const note: ServeRoute = {
    ...{ method: 'POST', path: '/v1/note' },
    answer: ({ body, note: add }) => {
      add('3 tokens');
      return { json: { body } };
    },
  };
  const url = await start([note]);
  await (await fetch(new URL('note?secret=1', url), { method: 'POST', body: '"secret"' })).text();
  await expect.poll(() => lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^POST \/v1\/note · 200 · 3 tokens · \d+\.\d\d s$/);
});

test('aborts a request whose client leaves', async () => {
  let left: Promise<void> | undefined;
  const slow: ServeRoute = {
    ...{ method: 'POST', path: '/v1/slow' },
    answer: ({ signal }) => {
      left = new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
      return {
        stream: async (send) => {
          send({ n: 1 });
          await left;
        },
      };
    },
  };
  const url = await start([slow]);
  const controller = new AbortController();
  const response = await fetch(new URL('slow', url), {
    method: 'POST',
    body: '{}',
    signal: controller.signal,
  });
  await response.body!.getReader().read();
  controller.abort();
  await left;
  await expect.poll(() => lines.join()).toContain('client left');
});

test('finishes what is in progress and takes nothing new when it stops', async () => {
  let finish: (() => void) | undefined;
  const slow: ServeRoute = {
    ...{ method: 'POST', path: '/v1/slow' },
    answer: async () => {
      await new Promise<void>((resolve) => (finish = resolve));
      return { json: { done: true } };
    },
  };
  const url = await start([slow, hello]);
  const answer = fetch(new URL('slow', url), { method: 'POST', body: '{}' });
  await expect.poll(() => finish).toBeDefined();
  const stopped = serving!.stop();
  await expect(fetch(new URL('hello', url), { headers: { connection: 'close' } })).rejects.toThrow();
  finish!();
  expect(await (await answer).json()).toEqual({ done: true });
  await stopped;
  serving = undefined;
});

test('says that a port is taken', async () => {
  const { port } = await start([hello]);
  const options = {
    host: '127.0.0.1',
    port: Number(port),
    origins: [],
    key: undefined,
    log: () => undefined,
  };
  const { message } = await graftError(() => serveHttp([hello], options), 'serve-address');
  expect(message).toContain(`Port ${port} of 127.0.0.1 is taken`);
});

test('takes as much as fits, and says when to ask again', () => {
  const queue = new ServeQueue(2, 3);
  const leave = queue.enter(4);
  queue.enter(1);
  const refused = (answers: number): object => {
    try {
      queue.enter(answers);
    } catch (error) {
      if (error instanceof RequestError) return { status: error.status, ...error.parts };
    }
    return {};
  };
  expect(refused(1)).toMatchObject({
    ...{ status: 429, code: 'queue_full' },
    headers: { 'Retry-After': expect.stringMatching(/^[1-9]\d?$/) as string },
  });
  expect(refused(6)).toMatchObject({ status: 400 });
  leave();
  queue.enter(4);
});
