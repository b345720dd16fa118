/** Pushes to the tests' own hub: what is sent, what is not, and what is refused. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { GraftError } from '../../../src/errors.ts';
import {
  pushFiles,
  type Pushed,
  type PushOptions,
  type PushProgress,
} from '../../../src/weights/hub/push.ts';
import { HubServer, TOKEN } from '../../hub-server.ts';
import { READ_TOKEN } from '../../hub-upload.ts';
import { graftError } from '../expect-graft-error.ts';
import { noise, same } from './hub-world.ts';

const WEIGHTS = noise(50_000);
const FILES = {
  'README.md': new TextEncoder().encode('# Ünïcode'),
  'adapter_config.json': new TextEncoder().encode('{}'),
  'adapter_model.safetensors': WEIGHTS,
};
const QUICK = { tries: 3, firstPauseMs: 1, longestPauseMs: 2, idleMs: 5000 };

let server: HubServer;
beforeAll(async () => void (server = await HubServer.start()));
afterAll(() => server.close());
beforeEach(() => {
  server.reset();
  server.repos.clear();
  server.upload.stored.clear();
  server.upload.commits.length = 0;
  server.upload.chunk = Infinity;
});

function push(
  files: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = FILES,
  options: Partial<PushOptions> = {},
): Promise<Pushed> {
  return pushFiles(
    Object.entries(files).map(([name, bytes]) => ({ name, content: new Blob([bytes]) })),
    {
      ...{ hub: server.address, repo: 'org/new', token: TOKEN, signal: new AbortController().signal },
      ...{ private: false, message: 'One commit', patience: QUICK },
      ...options,
    },
  );
}

const filesOf = (id: string): Readonly<Record<string, Uint8Array>> => server.repos.get(id)!.files;

describe('a push', () => {
  test('makes the repository and one commit with every file, byte for byte', async () => {
    const pushed = await push(FILES, { private: true });
    expect(pushed).toMatchObject({ created: true, unchanged: [], page: `${server.address}/org/new` });
    expect(pushed.changed).toEqual(Object.keys(FILES));
    for (const [name, bytes] of Object.entries(FILES))
      expect(same(filesOf('org/new')[name], bytes), name).toBe(true);
    expect(server.repos.get('org/new')!.private).toBe(true);
    expect(server.upload.commits).toEqual([
      {
        repo: 'org/new',
        summary: 'One commit',
        files: {
          'README.md': 'regular',
          'adapter_config.json': 'regular',
          'adapter_model.safetensors': 'lfs',
        },
      },
    ]);
  });

  test('sends the token to the hub only, and never in an address', async () => {
    server.upload.chunk = 20_000;
    await push();
    const [hub, files] = ['hub', 'files'].map((name) => server.requests.filter((one) => one.server === name));
    expect(hub.length).toBeGreaterThan(4);
    expect(hub.every(({ authorization }) => authorization === `Bearer ${TOKEN}`)).toBe(true);
    expect(files.length).toBeGreaterThan(3);
    expect(files.some(({ authorization }) => authorization !== undefined)).toBe(false);
    expect(server.requests.some(({ path }) => path.includes(TOKEN))).toBe(false);
  });

  test('sends a large file in the parts that the hub asks for', async () => {
    server.upload.chunk = 20_000;
    const seen: PushProgress[] = [];
    await push(FILES, { onProgress: (one) => void seen.push(one) });
    expect(server.requests.filter(({ method }) => method === 'PUT')).toHaveLength(3);
    expect(same(filesOf('org/new')['adapter_model.safetensors'], WEIGHTS)).toBe(true);
    expect(seen.map(({ done }) => done)).toEqual(seen.map(({ done }) => done).sort((a, b) => a - b));
    expect(seen.at(-1)!.done).toBe(seen.at(-1)!.total);
  });

  test('leaves out what is there, and makes no commit if everything is', async () => {
    await push();
    const changed = { ...FILES, 'README.md': new TextEncoder().encode('# Changed') };
    const second = await push(changed);
    expect(second).toMatchObject({ created: false, changed: ['README.md'] });
    expect(second.unchanged).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
    const third = await push(changed);
    expect(third.commit).toBeUndefined();
    expect(third.unchanged).toHaveLength(3);
    expect(server.upload.commits).toHaveLength(2);
    expect(server.requests.filter(({ method }) => method === 'PUT')).toHaveLength(1);
  });

  test('continues after a commit that failed without sending the weights again', async () => {
    server.fail(/commit/, { status: 409 });
    await graftError(() => push(), 'hub-conflict');
    await push();
    expect(server.requests.filter(({ method }) => method === 'PUT')).toHaveLength(1);
    expect(server.upload.commits).toHaveLength(1);
  });

  test('waits and tries again when a server is busy or breaks off', async () => {
    const waits: string[] = [];
    server.fail(/preupload/, { status: 429, retryAfter: 0 });
    server.fail(/^\/upload/, { status: 503 });
    await push(FILES, { onWait: (wait) => wait && void waits.push(wait.why) });
    expect(waits).toHaveLength(2);
    expect(server.upload.commits).toHaveLength(1);
  });
});

describe('a refused push', () => {
  test.each([
    ['a token that is none', { token: 'hf_other' }, 'hub-token'],
    ['a token that only reads', { token: READ_TOKEN }, 'hub-forbidden'],
    ['a name that is no repository', { repo: 'new' }, 'hub-address'],
  ])('names the reason for %s', async (_, options, code) => {
    const error = await graftError(() => push(FILES, options), code);
    expect(JSON.stringify([error.what, error.remedy])).not.toContain('hf_');
    expect(server.upload.commits).toEqual([]);
  });

  test('sends nothing to a public repository if a private one is asked for', async () => {
    await push();
    server.reset();
    await graftError(() => push(FILES, { private: true }), 'hub-public');
    expect(server.requests.map(({ path }) => path)).toEqual(['/api/repos/create', '/api/models/org/new']);
  });

  test('sends nothing if the hub makes a public repository of a private one, or refuses the card', async () => {
    server.fail(/repos.create/, { bytes: new TextEncoder().encode('{}') });
    server.repos.set('org/new', { files: {} });
    await graftError(() => push(FILES, { private: true }), 'hub-public');
    const card = new TextEncoder().encode('---\nlicense:\n---\n');
    const { what } = await graftError(() => push({ ...FILES, 'README.md': card }), 'hub-refused');
    expect(what).toMatch(
      /does not take the metadata of README\.md \(400\): "license" is not allowed to be empty\.$/,
    );
    expect(server.requests.some(({ path }) => /preupload|commit/.test(path))).toBe(false);
  });

  test('gives up after some tries when no server answers', async () => {
    const hub = 'http://localhost:9';
    await graftError(() => push(FILES, { hub, patience: { ...QUICK, tries: 2 } }), 'hub-unreachable');
  });

  test.each([
    ['an answer of another form', /preupload/, '[]'],
    ['an answer that leaves a file out', /preupload/, '{"files":[]}'],
    ['an answer that gives no address for a large file', /batch/, '{"objects":[]}'],
  ])('takes %s for a broken hub', async (_, pattern, answer) => {
    server.fail(pattern, { bytes: Buffer.from(answer) });
    await graftError(() => push(), 'hub-listing');
    expect(server.upload.commits).toEqual([]);
  });

  test('stops when the person does', async () => {
    const stop = new AbortController();
    const stopped = new GraftError('hub-paused', 'Stopped.', '');
    const onProgress = (): void => stop.abort(stopped);
    await graftError(() => push(FILES, { signal: stop.signal, onProgress }), 'hub-paused');
    expect(server.upload.commits).toEqual([]);
  });
});
