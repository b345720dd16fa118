/** Answers of a hub that do not end, or do not come: each is given up, with what was wrong. */
import { describe, expect, it, vi } from 'vitest';
import { fetchModel } from '../../../src/weights/hub.ts';
import { graftError } from '../expect-graft-error.ts';
import { bring, find, MemorySink, options, PATIENCE, serveHub, server, text, tiny } from './hub-world.ts';

serveHub();

const MB = 1e6;
/** Servers that say nothing are given up soon. */
const SHORT = { patience: { ...PATIENCE, tries: 2, idleMs: 200 } };
/** Buffers of both ends hold some of what is not read. */
const BUFFERED = 20 * MB;

/** Waits until the server knows that nobody reads its flood. */
const floodEnded = (): Promise<void> => vi.waitFor(() => expect(server.floods).toBe(0), 5000);

describe('an answer without an end', () => {
  it('is given up as a listing', async () => {
    server.fail(/\/api\//, { endless: 200 });
    const { what } = await graftError(() => find(), 'hub-listing');
    expect(what).toMatch(
      /^The answer of localhost:\d+ about tiny\/model is too long: it has more than 33\.6 MB\.$/,
    );
    await floodEnded();
    expect(server.flooded).toBeLessThan(34 * MB + BUFFERED);
  });

  it('is given up as the index of a folder', async () => {
    const files = { 'config.json': text({}), 'model.safetensors.index.json': text({}) };
    server.repos.set('tiny/parts', { files });
    // The first request asks whether it is there.
    server.fail(/index\.json/, { endless: 200 }, 2);
    await graftError(() => find(`${server.filesAddress}/plain/tiny/parts/`), 'hub-listing');
    await floodEnded();
  });

  it('is not read as the body of a refusal', async () => {
    server.fail(/\/api\//, { endless: 404 });
    await graftError(() => find(), 'hub-missing');
    await floodEnded();
    expect(server.flooded).toBeLessThan(BUFFERED);
  });

  it('is given up as a file of declared size', async () => {
    const offer = await find();
    server.fail(/model\.safetensors/, { endless: 200 });
    await graftError(() => fetchModel(offer, new MemorySink(), options()), 'hub-size');
    await floodEnded();
    expect(server.flooded).toBeLessThan(BUFFERED);
  });

  it('is given up as a file of unknown size', async () => {
    const offer = await find(`${server.filesAddress}/plain/tiny/model/`);
    server.fail(/config\.json/, { endless: 200 });
    const sink = new MemorySink();
    const { what } = await graftError(() => fetchModel(offer, sink, options()), 'hub-size');
    expect(what).toMatch(/^config\.json of localhost:\d+ is too long: it has more than 67\.1 MB\.$/);
    await floodEnded();
    expect(sink.size('config.json')).toBe(0);
  });
});

it('refuses a configuration that the server declares to be too long, before a byte of it is fetched', async () => {
  const offer = await find();
  const [config, ...rest] = offer.files;
  const large = { ...offer, files: [{ ...config, size: 7 * 1e9 }, ...rest] };
  const before = server.requests.length;
  await graftError(() => fetchModel(large, new MemorySink(), options()), 'hub-size');
  expect(server.requests.length).toBe(before);
});

describe('an answer that does not come', () => {
  it('is asked for again, then given up, as a listing', async () => {
    const waits: unknown[] = [];
    server.fail(/\/api\//, { silent: true }, 2);
    const { what } = await graftError(
      () => find('tiny/model', { ...SHORT, onWait: (wait) => waits.push(wait?.why) }),
      'hub-broken',
    );
    expect(what).toMatch(
      /^The answer of localhost:\d+ about tiny\/model broke off: nothing came for \d+ s\.$/,
    );
    expect(waits).toEqual([what, undefined]);
    expect(server.requests).toHaveLength(2);
  });

  it('is given up if it stops in the middle', async () => {
    server.fail(/\/api\//, { begins: text('{"id": "tiny/model", "sib') }, 2);
    await graftError(() => find('tiny/model', SHORT), 'hub-broken');
  });

  it('is given up as the headers of a file', async () => {
    server.fail(/config\.json/, { silent: true }, 2);
    const { what } = await graftError(
      () => find(`${server.filesAddress}/plain/tiny/model/`, SHORT),
      'hub-broken',
    );
    expect(what).toMatch(/about config\.json of http/);
  });

  it('is given up behind a redirect', async () => {
    server.fail(/\/api\//, { location: `${server.filesAddress}/silent` }, 2);
    server.fail(/silent/, { silent: true }, 2);
    await graftError(() => find('tiny/model', SHORT), 'hub-broken');
  });

  it('is asked for again as weights, and comes then', async () => {
    server.fail(/\/lfs\//, { silent: true });
    const sink = new MemorySink();
    await bring(sink, 'tiny/model', SHORT);
    expect(sink.size('model.safetensors')).toBe(tiny.files['model.safetensors'].byteLength);
  });
});
