/** The hub's client against a server that speaks its protocol, and one that misbehaves. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { GraftError } from '../../../src/errors.ts';
import { memoryFiles } from '../../../src/weights/bytes.ts';
import { openWeights } from '../../../src/weights/folder.ts';
import { concatBytes } from '../../../src/weights/safetensors.ts';
import {
  fetchModel,
  findModel,
  findModels,
  hubAddress,
  parsePlace,
  type HubOptions,
} from '../../../src/weights/hub.ts';
import { chooseFiles } from '../../../src/weights/hub/choose.ts';
import { parseListing } from '../../../src/weights/hub/listing.ts';
import { addressOf } from '../../../src/weights/hub/place.ts';
import { Rate } from '../../../src/weights/hub/rate.ts';
import type { DownloadProgress, DownloadSink } from '../../../src/weights/hub/types.ts';
import { shardsOf } from '../../../src/weights/hub/url.ts';
import { commitOf, HubServer, TOKEN, type HubRepo } from '../../hub-server.ts';
import { describeShared, sharedPath } from '../../shared.ts';
import { graftError, resultOrGraftError } from '../expect-graft-error.ts';

const SPRIG = join(import.meta.dirname, '../../../public/models/sprig');
const text = (value: unknown): Uint8Array<ArrayBuffer> => new TextEncoder().encode(JSON.stringify(value));

function filesOf(folder: string): Record<string, Uint8Array<ArrayBuffer>> {
  return Object.fromEntries(
    readdirSync(folder).map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))]),
  );
}

/** Bytes that do not repeat. */
function noise(size: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let i = 0, x = seed; i < size; i++) {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0;
    bytes[i] = x >>> 24;
  }
  return bytes;
}

/** Comparing half a million numbers one by one takes seconds. */
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

class MemorySink implements DownloadSink {
  readonly #chunks = new Map<string, Uint8Array[]>();
  readonly versions = new Map<string, string>();
  readonly finished: string[] = [];
  room = Infinity;
  whenAppended: () => void = () => undefined;

  get files(): Map<string, Uint8Array<ArrayBuffer>> {
    return new Map([...this.#chunks.keys()].map((file) => [file, this.bytes(file)]));
  }
  bytes(file: string): Uint8Array<ArrayBuffer> {
    const chunks = this.#chunks.get(file) ?? [];
    const whole = chunks.length === 1 ? (chunks[0] as Uint8Array<ArrayBuffer>) : concatBytes(chunks);
    this.#chunks.set(file, [whole]);
    return whole;
  }
  size(file: string): number {
    return (this.#chunks.get(file) ?? []).reduce((sum, { byteLength }) => sum + byteLength, 0);
  }
  async read(file: string, start: number, end: number): Promise<Uint8Array> {
    return this.bytes(file).subarray(start, end);
  }
  async append(file: string, bytes: Uint8Array): Promise<void> {
    if (this.size(file) + bytes.byteLength > this.room)
      throw new GraftError('storage-full', 'There is no room left.', 'Delete something.');
    this.#chunks.set(file, [...(this.#chunks.get(file) ?? []), bytes]);
    this.whenAppended();
  }
  async truncate(file: string, bytes: number): Promise<void> {
    this.#chunks.set(file, [this.bytes(file).slice(0, bytes)]);
  }
  version(file: string): string | undefined {
    return this.versions.get(file);
  }
  async setVersion(file: string, version: string | undefined): Promise<void> {
    if (version === undefined) this.versions.delete(file);
    else this.versions.set(file, version);
  }
  async finish(file: string): Promise<void> {
    this.finished.push(file);
  }
}

const WEIGHTS = noise(200_000);
const tiny: HubRepo = {
  licence: 'apache-2.0',
  files: {
    'README.md': new TextEncoder().encode('---\nlicense: apache-2.0\n---'),
    'config.json': text({ model_type: 'llama' }),
    'tokenizer.json': text({ model: {} }),
    'model.safetensors': WEIGHTS,
    'pytorch_model.bin': noise(30_000, 2),
    'onnx/model.onnx': noise(30_000, 3),
  },
};

let server: HubServer;
beforeAll(async () => {
  server = await HubServer.start({
    'tiny/model': tiny,
    'tiny/gated': { ...tiny, gated: true },
    'tiny/private': { ...tiny, private: true },
    'tiny/gguf': { files: { 'a.Q4_0.gguf': noise(40_000, 4), 'sub/a.Q8_0.gguf': noise(80_000, 5) } },
    'tiny/bin': { files: { 'config.json': text({}), 'pytorch_model.bin': noise(10) } },
    'tiny/old': {
      files: {
        ...tiny.files,
        'special_tokens_map.json': text({ bos_token: '<s>' }),
        'chat_template.json': text({ chat_template: 'x' }),
      },
    },
    'tiny/sprig': { files: filesOf(SPRIG), licence: 'apache-2.0' },
  });
});
afterAll(() => server.close());
beforeEach(() => server.reset());

const PATIENCE = { tries: 3, firstPauseMs: 1, longestPauseMs: 4, idleMs: 10_000 };
const options = (changes: Partial<HubOptions> = {}): HubOptions => ({
  hub: server.address,
  signal: new AbortController().signal,
  patience: PATIENCE,
  ...changes,
});
const find = (asked = 'tiny/model', changes: Partial<HubOptions> = {}): ReturnType<typeof findModel> =>
  findModel(asked, options(changes));
const bring = async (sink: MemorySink, asked?: string, changes: Partial<HubOptions> = {}): Promise<void> =>
  fetchModel(await find(asked, changes), sink, options(changes));
/** Ranges of the requests that reached the file server. */
const ranges = (): (string | undefined)[] =>
  server.requests.filter((request) => request.server === 'files').map(({ range }) => range);

describe('what a person types', () => {
  it.each([
    ['HuggingFaceTB/SmolLM2-135M-Instruct', 'HuggingFaceTB/SmolLM2-135M-Instruct', 'main'],
    ['  gpt2 ', 'gpt2', 'main'],
    ['a/b@v1.0', 'a/b', 'v1.0'],
    ['a/b@refs/pr/1', 'a/b', 'refs/pr/1'],
    ['https://huggingface.co/a/b', 'a/b', 'main'],
    ['https://hf.co/a/b/', 'a/b', 'main'],
    ['https://huggingface.co/a/b/tree/v2', 'a/b', 'v2'],
    ['https://huggingface.co/a/b/blob/main/config.json', 'a/b', 'main'],
  ])('%s is a repository', (asked, repo, revision) => {
    expect(parsePlace(asked)).toEqual({ kind: 'repo', hub: 'https://huggingface.co', repo, revision });
  });

  it('names one GGUF file by its address, at any hub', () => {
    const place = parsePlace('https://mirror.example/hf/a/b/resolve/main/sub/x.Q4_0.gguf?download=true');
    expect(place).toEqual({
      kind: 'repo',
      hub: 'https://mirror.example/hf',
      repo: 'a/b',
      revision: 'main',
      file: 'sub/x.Q4_0.gguf',
    });
  });

  it.each([
    ['https://example.org/m/x.gguf?key=1', 'https://example.org/m/x.gguf?key=1'],
    ['https://example.org/m/x/', 'https://example.org/m/x/'],
    ['https://example.org/m/x', 'https://example.org/m/x/'],
    ['https://example.org/m/x/config.json', 'https://example.org/m/x/'],
  ])('%s is an address', (asked, url) => {
    expect(parsePlace(asked)).toEqual({ kind: 'url', url });
  });

  it.each([
    '',
    'a/b/c',
    '../x',
    'a/..',
    'a b',
    'a/b@',
    'a/b@../x',
    'ftp://x/y',
    'https://u:p@x.org/y.gguf',
    'https://huggingface.co/',
  ])('refuses %j', async (asked) => {
    await graftError(() => parsePlace(asked), 'hub-address');
  });

  it('reads the addresses that it writes', () => {
    const name = fc.stringMatching(/^[a-zA-Z0-9][\w-]{0,12}$/);
    fc.assert(
      fc.property(
        name,
        name,
        fc.stringMatching(/^[\w-]{1,12}(\/[\w-]{1,6})?$/),
        fc.option(name),
        (org, repo, revision, file) => {
          const place = {
            ...{ kind: 'repo' as const, hub: 'https://mirror.example', repo: `${org}/${repo}`, revision },
            ...(file !== null && { file: `${file}.gguf` }),
          };
          expect(parsePlace(addressOf(place))).toEqual(place);
        },
      ),
    );
  });

  it('survives whatever is typed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.webUrl({ withQueryParameters: true })), async (asked) => {
        await resultOrGraftError(() => parsePlace(asked));
        await resultOrGraftError(() => hubAddress(asked));
      }),
    );
  });
});

describe('the listing', () => {
  it('is pinned to its commit, and holds only what is needed', async () => {
    const offer = await find();
    expect(offer).toMatchObject({ name: 'tiny/model', licence: 'apache-2.0', gated: false });
    expect(offer.source).toBe(`${server.address}/tiny/model/tree/${commitOf(tiny)}`);
    expect(offer.files.map(({ name }) => name)).toEqual([
      'config.json',
      'tokenizer.json',
      'model.safetensors',
    ]);
    expect(offer.files[2]).toMatchObject({
      size: WEIGHTS.byteLength,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(offer.files[0]).toMatchObject({ gitSha1: expect.stringMatching(/^[0-9a-f]{40}$/) });
    expect(await find(offer.source)).toEqual(offer);
  });

  it('has every file that is read beside the weights', async () => {
    const names = ['config.json', 'tokenizer.json', 'special_tokens_map.json', 'chat_template.json'];
    for (const asked of ['tiny/old', `${server.filesAddress}/plain/tiny/old/config.json`]) {
      const offer = await find(asked);
      expect(offer.files.map(({ name }) => name)).toEqual([...names, 'model.safetensors']);
    }
  });

  it('of GGUF files needs a choice', async () => {
    const error = await graftError(() => find('tiny/gguf'), 'hub-choose');
    expect(error.message).toContain('a.Q4_0.gguf, sub/a.Q8_0.gguf');
    const offer = await find(`${server.address}/tiny/gguf/blob/main/sub/a.Q8_0.gguf`);
    expect(offer.name).toBe('a.Q8_0');
    expect(offer.files.map(({ name }) => name)).toEqual(['a.Q8_0.gguf']);
    expect(await find(offer.source)).toEqual(offer);
  });

  it('of several ways to have a model gives each, pinned', async () => {
    const asked = 'tiny/both';
    server.repos.set(asked, {
      files: { ...tiny.files, 'b.gguf': noise(30_000, 6), 'a.gguf': noise(40_000, 7) },
    });
    const offers = await findModels(asked, options());
    expect(offers.map(({ files }) => files.at(-1)?.name)).toEqual(['model.safetensors', 'b.gguf', 'a.gguf']);
    for (const offer of offers) expect(await find(offer.source)).toEqual(offer);
    expect((await findModels('tiny/gguf', options())).map(({ bytes }) => bytes)).toEqual([40_000, 80_000]);
    expect(await findModels(offers[2].source, options())).toEqual([offers[2]]);
    await graftError(() => findModels('tiny/bin', options()), 'hub-no-weights');
  });

  it('takes shards with their index, all of them', async () => {
    const files = ['config.json', 'model.safetensors.index.json', 'model-00002-of-00002.safetensors'];
    const listed = (names: string[]): { path: string }[] => names.map((path) => ({ path }));
    await graftError(() => chooseFiles('m', listed(files)), 'hub-no-weights');
    const { files: chosen } = chooseFiles('m', listed([...files, 'model-00001-of-00002.safetensors']));
    expect(chosen.map(({ path }) => path)).toEqual([
      'config.json',
      'model.safetensors.index.json',
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
    ]);
  });

  it('says what a refusal means', async () => {
    await graftError(() => find('tiny/none'), 'hub-missing');
    await graftError(() => find('tiny/none', { token: TOKEN }), 'hub-missing');
    await graftError(() => find('tiny/model@v9'), 'hub-missing');
    await graftError(() => find('tiny/model', { token: 'hf_wrong' }), 'hub-token');
    expect((await graftError(() => find('tiny/bin'), 'hub-no-weights')).message).toContain(
      'pytorch_model.bin',
    );
    expect((await find('tiny/private', { token: TOKEN })).name).toBe('tiny/private');
    const gated = await graftError(() => bring(new MemorySink(), 'tiny/gated'), 'hub-gated');
    expect(gated.message).toContain(`${server.address}/tiny/gated`);
    expect(gated.message).toContain('Nothing of tiny/gated came so far.');
  });

  it('is validated', async () => {
    const parse = (value: unknown): unknown => parseListing(text(value), 'it');
    const whole = { id: 'a/b', sha: 'a'.repeat(40), siblings: [{ rfilename: 'x', size: 1 }] };
    expect(parse(whole)).toMatchObject({ id: 'a/b', files: [{ path: 'x', size: 1 }] });
    for (const broken of [
      [],
      { ...whole, id: 3 },
      { ...whole, sha: '../..' },
      { ...whole, siblings: {} },
      { ...whole, siblings: [{ rfilename: 7 }] },
      { ...whole, siblings: [{ rfilename: 'x', size: -1 }] },
    ])
      await graftError(() => parse(broken), 'hub-listing');
    server.fail(/\/api\//, { bytes: new TextEncoder().encode('<html>') });
    await graftError(() => find(), 'json-syntax');
  });

  it('survives any JSON', async () => {
    const file = fc.record(
      {
        rfilename: fc.oneof(fc.string(), fc.constant('config.json'), fc.constant('a.gguf')),
        size: fc.jsonValue(),
        blobId: fc.jsonValue(),
        lfs: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    const almost = fc.record(
      {
        id: fc.constant('a/b'),
        sha: fc.constant('a'.repeat(40)),
        siblings: fc.array(file),
        gated: fc.jsonValue(),
        cardData: fc.jsonValue(),
      },
      { requiredKeys: ['id'] },
    );
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.jsonValue(), almost), async (value) => {
        await resultOrGraftError(() => {
          const listing = parseListing(text(value), 'it');
          chooseFiles('a/b', listing.files);
        });
        await resultOrGraftError(() => shardsOf(text({ weight_map: value }), 'it'));
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array(), async (bytes) => {
        await resultOrGraftError(() => parseListing(bytes, 'it'));
      }),
    );
  });
});

describe('a download', () => {
  it('comes whole, is checked, and follows redirects to another origin', async () => {
    const sink = new MemorySink();
    const told: DownloadProgress[] = [];
    const offer = await find();
    await fetchModel(offer, sink, options(), (progress) => told.push(progress));
    for (const { name } of offer.files) expect(same(sink.bytes(name), tiny.files[name])).toBe(true);
    expect(sink.finished).toEqual(['config.json', 'tokenizer.json', 'model.safetensors']);
    expect(told.at(-1)).toMatchObject({ done: offer.bytes, total: offer.bytes });
    expect(server.requests.map(({ path }) => path).join()).not.toMatch(/\.bin|onnx|README/);
  });

  it('gives the token to the hub and to nobody else', async () => {
    const sink = new MemorySink();
    await bring(sink, 'tiny/gated', { token: TOKEN });
    expect(sink.size('model.safetensors')).toBe(WEIGHTS.byteLength);
    for (const { server: by, authorization } of server.requests)
      expect(authorization).toBe(by === 'hub' ? `Bearer ${TOKEN}` : undefined);
    expect(server.requests.some(({ server: by }) => by === 'files')).toBe(true);
    server.reset();
    // An address on another server, with a token of the hub.
    const elsewhere = `${server.filesAddress}/x.gguf`;
    await graftError(() => find(elsewhere, { token: TOKEN }), 'hub-file-missing');
    expect(server.requests.map(({ authorization }) => authorization)).toEqual([undefined]);
  });

  it('goes on after breaks, from the byte where it broke', async () => {
    const sink = new MemorySink();
    server.fail(/\/lfs\//, { cut: 70_000 });
    server.fail(/\/lfs\//, { cut: 50_000 });
    server.fail(/\/resolve\/.*model\.safetensors/, { status: 503 });
    await bring(sink);
    expect(same(sink.bytes('model.safetensors'), WEIGHTS)).toBe(true);
    const [first, second, third] = ranges();
    expect([first, second]).toEqual(['bytes=0-', 'bytes=70000-']);
    expect(third).toBe('bytes=120000-');
  });

  it('counts tries that bring nothing, and waits as long as it is told to', async () => {
    server.fail(/\/lfs\//, { cut: 1000 }, 5);
    await bring(new MemorySink());
    server.fail(/\/lfs\//, { status: 503 }, 2);
    server.fail(/\/lfs\//, { status: 429, retryAfter: 0 }, 1);
    await graftError(() => bring(new MemorySink()), 'hub-busy');
    const waits: (string | undefined)[] = [];
    server.fail(/\/lfs\//, { status: 500 });
    await fetchModel(await find(), new MemorySink(), options(), ({ waiting }) => waits.push(waiting));
    expect(waits.filter(Boolean).join()).toMatch(/answered 500 when asked for model.safetensors/);
  });

  it('gives up a transfer in which nothing comes any more', async () => {
    server.fail(/\/lfs\//, { stall: 30_000 }, 1);
    const sink = new MemorySink();
    await bring(sink, undefined, { patience: { ...PATIENCE, idleMs: 300 } });
    expect(same(sink.bytes('model.safetensors'), WEIGHTS)).toBe(true);
    expect(ranges()).toEqual(['bytes=0-', 'bytes=30000-']);
  });

  it('can be paused and goes on later, also from another visit', async () => {
    const sink = new MemorySink();
    const controller = new AbortController();
    server.fail(/\/lfs\//, { slow: { chunk: 10_000, ms: 5 } });
    const offer = await find();
    const paused = new GraftError('hub-paused', 'Paused.', '');
    sink.whenAppended = () => {
      if (sink.size('model.safetensors') > 40_000) controller.abort(paused);
    };
    const running = fetchModel(offer, sink, options({ signal: controller.signal }));
    await expect(running).rejects.toBe(paused);
    sink.whenAppended = () => undefined;
    const have = sink.size('model.safetensors');
    expect(have).toBeGreaterThan(40_000);
    expect(have).toBeLessThan(WEIGHTS.byteLength);
    server.reset();
    await bring(sink, offer.source);
    expect(ranges()).toEqual([`bytes=${have}-`]);
    expect(same(sink.bytes('model.safetensors'), WEIGHTS)).toBe(true);
  });

  it('fetches nothing that is there', async () => {
    const sink = new MemorySink();
    await bring(sink);
    server.reset();
    await bring(sink);
    expect(server.requests.map(({ path }) => path.replace(/\?.*/, ''))).toEqual([
      '/api/models/tiny/model/revision/main',
    ]);
  });

  it('starts over at a server without ranges', async () => {
    const sink = new MemorySink();
    server.fail(/\/lfs\//, { cut: 50_000 });
    server.fail(/\/lfs\//, { ignoreRange: true });
    await bring(sink);
    expect(same(sink.bytes('model.safetensors'), WEIGHTS)).toBe(true);
  });

  it('starts over when the file has changed', async () => {
    const sink = new MemorySink();
    server.fail(/\/lfs\//, { cut: 50_000 });
    server.fail(/\/lfs\//, { etag: '"another"' });
    await bring(sink);
    expect(ranges()).toEqual(['bytes=0-', 'bytes=50000-', 'bytes=0-']);
    expect(same(sink.bytes('model.safetensors'), WEIGHTS)).toBe(true);
  });

  it('throws away what is not what the hub declares', async () => {
    const sink = new MemorySink();
    const other = WEIGHTS.slice();
    other[100] ^= 1;
    server.fail(/\/lfs\//, { bytes: other });
    const error = await graftError(() => bring(sink), 'hub-checksum');
    expect(error.message).toMatch(/What came of tiny\/model so far is kept \(1 kB\)/);
    expect(sink.size('model.safetensors')).toBe(0);
    expect(sink.finished).toEqual(['config.json', 'tokenizer.json']);
    await bring(sink);
    expect(same(sink.bytes('model.safetensors'), WEIGHTS)).toBe(true);
    // The small files have another kind of checksum.
    server.fail(/config\.json/, { bytes: text({ model_type: 'lLama' }) });
    await graftError(() => bring(new MemorySink()), 'hub-checksum');
    // And what was damaged where it lies is found as well.
    sink.bytes('model.safetensors')[7] ^= 1;
    await graftError(() => bring(sink), 'hub-checksum');
  });

  it('refuses another size than was declared', async () => {
    server.fail(/\/lfs\//, { bytes: noise(210_000) });
    await graftError(() => bring(new MemorySink()), 'hub-size');
    server.fail(/\/lfs\//, { bytes: noise(190_000) });
    await graftError(() => bring(new MemorySink()), 'hub-size');
  });

  it('knows what 416 means', async () => {
    const offer = await find();
    const sink = new MemorySink();
    server.fail(/\/lfs\//, { status: 416 }, 9);
    await graftError(() => fetchModel(offer, sink, options()), 'hub-range');
  });

  it('keeps what came when the disk is full', async () => {
    const sink = new MemorySink();
    sink.room = 100_000;
    const error = await graftError(() => bring(sink), 'storage-full');
    expect(error.message).toMatch(/so far is kept/);
    const have = sink.size('model.safetensors');
    sink.room = Infinity;
    server.reset();
    await bring(sink);
    expect(ranges()).toEqual([`bytes=${have}-`]);
  });

  it('names circles and servers that are not there', async () => {
    server.fail(/circle/, { location: '/circle.gguf' }, 99);
    await graftError(() => find(`${server.address}/circle.gguf`), 'hub-redirects');
    const error = await graftError(() => find('a/b', { hub: 'http://localhost:9' }), 'hub-unreachable');
    expect(error.message).toContain('localhost:9 could not be reached for a/b');
  });

  it('has Sprig, which opens', async () => {
    const sink = new MemorySink();
    await bring(sink, 'tiny/sprig');
    const weights = await openWeights(memoryFiles(Object.fromEntries(sink.files), 'sprig'));
    expect(weights.names().length).toBeGreaterThan(10);
  });

  it('measures its speed lately', () => {
    const rate = new Rate();
    rate.add(0, 0);
    expect(rate.bytesPerSecond).toBeUndefined();
    for (let t = 100; t <= 20_000; t += 100) rate.add(t < 10_000 ? t : 10_000 + 3 * (t - 10_000), t);
    expect(rate.bytesPerSecond).toBeCloseTo(3000, 0);
  });
});

describe('any other address', () => {
  /** The second server has the files as a plain one would: it lists and declares nothing. */
  const plain = (path: string): string => `${server.filesAddress}/plain/${path}`;

  it('of a GGUF file', async () => {
    const sink = new MemorySink();
    const offer = await find(plain('tiny/gguf/a.Q4_0.gguf'));
    expect(offer).toMatchObject({ name: 'a.Q4_0', source: plain('tiny/gguf/a.Q4_0.gguf'), gated: false });
    expect(offer.files).toEqual([{ name: 'a.Q4_0.gguf', url: offer.source, size: 40_000 }]);
    server.fail(/gguf/, { cut: 15_000 });
    await fetchModel(offer, sink, options());
    expect(sink.size('a.Q4_0.gguf')).toBe(40_000);
    expect(server.requests.at(-1)?.range).toBe('bytes=15000-');
    await graftError(() => find(plain('tiny/gguf/b.gguf')), 'hub-file-missing');
  });

  it('starts over when the file has changed between two visits', async () => {
    const sink = new MemorySink();
    const offer = await find(plain('tiny/gguf/a.Q4_0.gguf'));
    server.fail(/gguf/, { cut: 15_000 });
    await graftError(
      () => fetchModel(offer, sink, options({ patience: { ...PATIENCE, tries: 1 } })),
      'hub-broken',
    );
    expect(sink.size('a.Q4_0.gguf')).toBe(15_000);
    server.repos.set('tiny/gguf', { files: { 'a.Q4_0.gguf': noise(40_000, 9) } });
    await fetchModel(offer, sink, options());
    expect(same(sink.bytes('a.Q4_0.gguf'), noise(40_000, 9))).toBe(true);
  });

  it('of a folder, with the files that are there', async () => {
    const sink = new MemorySink();
    const offer = await find(plain('tiny/model/config.json'));
    expect(offer.name).toBe('model');
    expect(offer.files.map(({ name }) => name)).toEqual([
      'config.json',
      'tokenizer.json',
      'model.safetensors',
    ]);
    await fetchModel(offer, sink, options());
    for (const { name } of offer.files) expect(same(sink.bytes(name), tiny.files[name])).toBe(true);
    // Again: it is there, as a server that declares nothing says by 416.
    server.reset();
    await fetchModel(offer, sink, options());
    expect(server.requests.map(({ range }) => range)).toHaveLength(2);
    await graftError(() => find(plain('tiny/none/')), 'hub-file-missing');
  });

  it('reads the shards of an index, and nothing else', async () => {
    expect(
      shardsOf(
        text({ weight_map: { a: 'm-2.safetensors', b: 'm-1.safetensors', c: 'm-2.safetensors' } }),
        'it',
      ),
    ).toEqual(['m-1.safetensors', 'm-2.safetensors']);
    for (const shard of ['../m.safetensors', 'a/m.safetensors', '.safetensors', 'm.bin', 3])
      await graftError(() => shardsOf(text({ weight_map: { a: shard } }), 'it'), 'hub-listing');
  });
});

describeShared('a real folder from the hub', () => {
  it('is stories260K, byte for byte', async () => {
    const files = filesOf(sharedPath('models', 'stories260K'));
    server.repos.set('karpathy/stories260K', { files });
    const sink = new MemorySink();
    await bring(sink, 'karpathy/stories260K');
    for (const [name, bytes] of sink.files) expect(same(bytes, files[name]), name).toBe(true);
  });
});
