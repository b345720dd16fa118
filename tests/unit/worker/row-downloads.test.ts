/** Data sets from the hub into the page: found, downloaded, continued and handed over, from a server that speaks the hub's protocol. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ModelStore } from '../../../src/storage/models.ts';
import type { DownloadStatus } from '../../../src/worker/api/downloads.ts';
import { RowDownloads } from '../../../src/worker/data/row-downloads.ts';
import { commitOf, HubServer } from '../../hub-server.ts';
import { graftError } from '../expect-graft-error.ts';
import { MemoryFolder } from '../storage/memory-folder.ts';

const text = (content: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(content);
const LONG = '{"prompt":"a","completion":"b"}\n'.repeat(3000);
const repo = {
  files: { 'README.md': text('# Rows'), 'data/train.jsonl': text(LONG), 'data/test.jsonl': text('{}') },
  licence: 'mit',
};

let server: HubServer;
beforeAll(async () => {
  server = await HubServer.start({ 'datasets/org/rows': repo });
});
afterAll(() => server.close());
beforeEach(() => server.reset());

function browser(): { downloads: () => RowDownloads; disk: MemoryFolder } {
  const disk = new MemoryFolder({ room: Infinity });
  const patience = { tries: 2, firstPauseMs: 1, longestPauseMs: 4, idleMs: 10_000 };
  // Each page has its own, over one disk.
  const downloads = (): RowDownloads =>
    new RowDownloads({
      store: new ModelStore(async () => disk.handle),
      hub: async () => server.address,
      alone: (_, work) => work(),
      patience,
    });
  return { downloads, disk };
}
/** Bytes come a few at a time until the server is reset. */
const slow = (): void => server.fail(/^\/lfs/, { slow: { chunk: 20_000, ms: 100 } }, 9);
const signal = (): AbortSignal => new AbortController().signal;

describe('a data set on the hub', () => {
  test('is found by its id, with the files of its rows, sizes and licence', async () => {
    const { downloads } = browser();
    const offer = await downloads().find('org/rows', {}, signal());
    expect(offer).toMatchObject({ name: 'org/rows', licence: 'mit', gated: false });
    expect(offer.source).toContain(`datasets/org/rows/tree/${commitOf(repo)}`);
    expect(offer.files.map(({ name, size }) => [name, size])).toEqual([
      ['train.jsonl', LONG.length],
      ['test.jsonl', 2],
    ]);
    await graftError(() => downloads().find('org/none', {}, signal()), 'hub-missing');
  });

  test('hands over the chosen files only, and leaves nothing on the disk', async () => {
    const { downloads, disk } = browser();
    const page = downloads();
    const { source } = await page.find('datasets/org/rows', {}, signal());
    const told: DownloadStatus[] = [];
    const files = await page.download(source, ['train.jsonl'], {}, (status) => told.push(status));
    expect(files?.map(({ name, bytes }) => [name, new TextDecoder().decode(bytes as Uint8Array)])).toEqual([
      ['train.jsonl', LONG],
    ]);
    expect(told.at(-1)).toMatchObject({ done: LONG.length, total: LONG.length });
    expect(await page.list()).toEqual([]);
    expect(server.requests.some(({ path }) => path.includes('test.jsonl'))).toBe(false);
    expect(await new ModelStore(async () => disk.handle).list()).toEqual([]);
  });

  test('continues where it was paused, also in another visit', async () => {
    const { downloads } = browser();
    const page = downloads();
    const { source } = await page.find('org/rows', {}, signal());
    slow();
    const paused = await page.download(source, ['train.jsonl'], {}, ({ done }) => {
      if (done > 0) page.pause(source);
    });
    expect(paused).toBeUndefined();
    const [partial] = await downloads().list();
    expect(partial).toMatchObject({ name: 'org/rows', source, files: ['train.jsonl'], bytes: LONG.length });
    expect(partial.done).toBeGreaterThan(0);
    server.reset();
    const files = await downloads().download(source, ['train.jsonl'], {}, () => undefined);
    expect(new TextDecoder().decode(files?.[0].bytes as Uint8Array)).toBe(LONG);
    expect(server.requests.find(({ path }) => path.includes('train.jsonl'))?.range).toMatch(/^bytes=[1-9]/);
  });

  test('can be dropped, and then begins again', async () => {
    const { downloads } = browser();
    const page = downloads();
    const { source } = await page.find('org/rows', {}, signal());
    slow();
    await page.download(source, ['train.jsonl'], {}, ({ done }) => {
      if (done > 0) page.pause(source);
    });
    await downloads().drop(source);
    expect(await page.list()).toEqual([]);
  });
});
