/** Downloads from a server that speaks the hub's protocol, also where it misbehaves. */
import { describe, expect, it } from 'vitest';
import { GraftError } from '../../../src/errors.ts';
import { memoryFiles } from '../../../src/weights/bytes.ts';
import { openWeights } from '../../../src/weights/folder.ts';
import { fetchModel } from '../../../src/weights/hub.ts';
import { Rate } from '../../../src/weights/hub/rate.ts';
import type { DownloadProgress } from '../../../src/weights/hub/types.ts';
import { shardFiles } from '../../../src/weights/hub/url.ts';
import { TOKEN } from '../../hub-server.ts';
import { describeShared, sharedPath } from '../../shared.ts';
import { graftError } from '../expect-graft-error.ts';
import {
  bring,
  filesOf,
  find,
  MemorySink,
  noise,
  options,
  PATIENCE,
  ranges,
  same,
  serveHub,
  server,
  text,
  tiny,
  WEIGHTS,
} from './hub-world.ts';

serveHub();

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

  it('continues after breaks, from the byte where it broke', async () => {
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

  it('counts tries without a new byte, and waits as long as the server asks', async () => {
    server.fail(/\/lfs\//, { cut: 1000 }, 5);
    await bring(new MemorySink());
    server.fail(/\/lfs\//, { status: 503 }, 2);
    server.fail(/\/lfs\//, { status: 429, retryAfter: 0 }, 1);
    await graftError(() => bring(new MemorySink()), 'hub-busy');
    const waits: unknown[] = [];
    server.fail(/\/lfs\//, { status: 500 });
    await fetchModel(await find(), new MemorySink(), options(), ({ waiting }) => waits.push(waiting));
    expect(waits.filter(Boolean)).toEqual([
      { why: expect.stringContaining('answered 500 when asked for model.safetensors'), seconds: 0.001 },
    ]);
  });

  it('tells that a pause has ended before the next byte comes', async () => {
    server.fail(/\/lfs\//, { status: 500 });
    server.fail(/\/lfs\//, { stall: 0 });
    const told: string[] = [];
    await fetchModel(
      await find(),
      new MemorySink(),
      options({ patience: { ...PATIENCE, idleMs: 300 } }),
      ({ file, waiting }) => file === 'model.safetensors' && told.push(waiting ? 'waits' : 'goes on'),
    );
    expect(told.slice(0, 4)).toEqual(['waits', 'goes on', 'waits', 'goes on']);
  });

  it('gives up a stalled transfer', async () => {
    server.fail(/\/lfs\//, { stall: 30_000 }, 1);
    const sink = new MemorySink();
    await bring(sink, undefined, { patience: { ...PATIENCE, idleMs: 300 } });
    expect(same(sink.bytes('model.safetensors'), WEIGHTS)).toBe(true);
    expect(ranges()).toEqual(['bytes=0-', 'bytes=30000-']);
  });

  it('can be paused and continued later, also in another visit', async () => {
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

  it('does not fetch existing files', async () => {
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

  it("discards files that do not match the hub's declarations", async () => {
    const sink = new MemorySink();
    const other = WEIGHTS.slice();
    other[100] ^= 1;
    server.fail(/\/lfs\//, { bytes: other });
    const error = await graftError(() => bring(sink), 'hub-checksum');
    expect(error.message).toMatch(/The downloaded part of tiny\/model is kept \(1 kB\)/);
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

  it('keeps the stored part if the disk is full', async () => {
    const sink = new MemorySink();
    sink.room = 100_000;
    const error = await graftError(() => bring(sink), 'storage-full');
    expect(error.message).toMatch(/is kept/);
    const have = sink.size('model.safetensors');
    sink.room = Infinity;
    server.reset();
    await bring(sink);
    expect(ranges()).toEqual([`bytes=${have}-`]);
  });

  it('names redirect loops and unreachable servers', async () => {
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

  it('measures its recent speed', () => {
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

  it('gives the model of a GGUF file', async () => {
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

  it('gives the model of a folder, with the files that are there', async () => {
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
      shardFiles(
        text({ weight_map: { a: 'm-2.safetensors', b: 'm-1.safetensors', c: 'm-2.safetensors' } }),
        'it',
      ),
    ).toEqual(['m-1.safetensors', 'm-2.safetensors']);
    for (const shard of ['../m.safetensors', 'a/m.safetensors', '.safetensors', 'm.bin', 3])
      await graftError(() => shardFiles(text({ weight_map: { a: shard } }), 'it'), 'hub-listing');
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
