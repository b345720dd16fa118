/** Downloads into the model store, from a server that speaks the hub's protocol. */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ModelStore } from '../../../src/storage/models.ts';
import { Downloads, type DownloadOptions } from '../../../src/worker/models/downloads.ts';
import type { DownloadStatus } from '../../../src/worker/api/downloads.ts';
import { checkModelFiles } from '../../../src/worker/models/models.ts';
import { commitOf, HubServer, TOKEN, type HubRepo } from '../../hub-server.ts';
import { ggufFile } from '../weights/gguf-file.ts';
import { graftError } from '../expect-graft-error.ts';
import { MemoryFolder } from '../storage/memory-folder.ts';

const SPRIG = join(import.meta.dirname, '../../../public/models/sprig');
const FILES: Record<string, Uint8Array<ArrayBuffer>> = Object.fromEntries(
  readdirSync(SPRIG).map((name) => [name, new Uint8Array(readFileSync(join(SPRIG, name)))]),
);
const WEIGHTS = FILES['model.safetensors'];
const WEIGHTS_SHA256 = createHash('sha256').update(WEIGHTS).digest('hex');
const sprig: HubRepo = { files: FILES, licence: 'apache-2.0' };
const PATIENCE = { tries: 2, firstPauseMs: 1, longestPauseMs: 4, idleMs: 10_000 };
const changed = (name: string, change: (bytes: Buffer) => Buffer): HubRepo => ({
  ...sprig,
  files: { ...FILES, [name]: new Uint8Array(change(Buffer.from(FILES[name]))) },
});

let server: HubServer;
beforeAll(async () => {
  server = await HubServer.start();
});
afterAll(() => server.close());

interface Tab {
  readonly downloads: Downloads;
  /** The events of a download. */
  readonly told: DownloadStatus[];
  get(asked?: string, token?: string): ReturnType<Downloads['download']>;
}

/** A browser: one disk, locks that all tabs share. */
class TestBrowser {
  readonly disk = new MemoryFolder({ room: Infinity });
  readonly store = new ModelStore(async () => this.disk.handle);
  readonly #locks = new Set<string>();

  openTab(): Tab {
    const alone: DownloadOptions['alone'] = async (name, work) => {
      if (this.#locks.has(name)) return undefined;
      this.#locks.add(name);
      try {
        return await work();
      } finally {
        this.#locks.delete(name);
      }
    };
    const { store } = this;
    const hub = async (): Promise<string> => server.address;
    const downloads = new Downloads({ store, check: checkModelFiles, hub, alone, patience: PATIENCE });
    const told: DownloadStatus[] = [];
    return {
      downloads,
      told,
      get: async (asked = 'tiny/sprig', token) => {
        const access = token === undefined ? {} : { token };
        const [{ source }] = await downloads.find(asked, access, new AbortController().signal);
        return downloads.download(source, access, (status) => told.push(status));
      },
    };
  }

  /** Everything on the disk, as text. */
  async dump(folder = this.disk): Promise<string> {
    const parts: string[] = [];
    for (const [name, child] of folder.children)
      parts.push(
        name,
        child instanceof MemoryFolder ? await this.dump(child) : Buffer.from(child.bytes).toString('latin1'),
      );
    return parts.join('\n');
  }

  async folders(): Promise<number> {
    return (await this.disk.getDirectoryHandle('models', { create: true })).children.size;
  }
}

let chromium: TestBrowser;
beforeEach(() => {
  server.reset();
  server.repos.set('tiny/sprig', sprig);
  chromium = new TestBrowser();
});

/** Ranges of the requests for the weights of {@link sprig}, at the second server. */
const ranges = (): (string | undefined)[] =>
  server.requests.filter(({ path }) => path.startsWith(`/lfs/${WEIGHTS_SHA256}`)).map(({ range }) => range);

/** Waits until a download of the weights has reached its middle. */
async function begun(tab: Tab, get = tab.get()): Promise<{ source: string; ended: typeof get }> {
  await expect.poll(() => (tab.told.at(-1)?.done ?? 0) > 300_000).toBe(true);
  const [{ source }] = await tab.downloads.list();
  return { source, ended: get };
}
const slow = (): void =>
  server.fail(/^\/(?:lfs|plain.*model\.safetensors$)/, { slow: { chunk: 50_000, ms: 20 } }, 9);

const whole = async (name: string, file = 'model.safetensors'): Promise<boolean> => {
  const source = await (await chromium.store.open(name)).open(file);
  return Buffer.compare(await source!.read(0, source!.size), FILES[file]) === 0;
};

describe('a model of the hub', () => {
  test('is offered before it is fetched, then kept with its licence and its address', async () => {
    const { downloads, told, get } = chromium.openTab();
    const [offer] = await downloads.find('tiny/sprig', {}, new AbortController().signal);
    expect(offer).toMatchObject({ name: 'tiny/sprig', licence: 'apache-2.0', gated: false });
    expect(offer.source).toBe(`${server.address}/tiny/sprig/tree/${commitOf(sprig)}`);
    expect(offer.files.at(-1)).toEqual({
      name: 'model.safetensors',
      bytes: WEIGHTS.byteLength,
      checked: true,
    });
    expect(await chromium.folders()).toBe(0);

    const model = await get();
    expect(model).toMatchObject({ name: 'tiny/sprig', licence: 'apache-2.0', source: offer.source });
    expect(await whole('tiny/sprig')).toBe(true);
    expect(told.at(-1)).toMatchObject({ done: offer.bytes, total: offer.bytes });
    expect(await downloads.list()).toEqual([]);
    // The README is not fetched.
    expect((await chromium.store.open('tiny/sprig')).list()).not.toContain('README.md');

    server.requests.length = 0;
    await get();
    expect(server.requests.filter(({ path }) => path.includes('/resolve/'))).toEqual([]);
    expect(await chromium.folders()).toBe(1);
  });

  test('is paused, and continues in another tab', async () => {
    slow();
    const tab = chromium.openTab();
    const { source, ended } = await begun(tab);
    tab.downloads.pause(source);
    expect(await ended).toBeUndefined();
    const [partial] = await tab.downloads.list();
    expect(partial.done).toBeGreaterThan(300_000);
    expect(partial.bytes).toBeGreaterThan(partial.done);
    await chromium.store.clean();
    server.reset();

    const later = chromium.openTab();
    expect(await later.downloads.list()).toEqual([partial]);
    await later.downloads.download(source, {}, () => undefined);
    expect(ranges()).toEqual([expect.stringMatching(/^bytes=[1-9]\d{4,}-$/)]);
    expect(await whole('tiny/sprig')).toBe(true);
    expect(await chromium.folders()).toBe(1);
  });

  test('leaves nothing if it is cancelled, running or paused', async () => {
    slow();
    const tab = chromium.openTab();
    const first = await begun(tab);
    await tab.downloads.cancel(first.source);
    expect(await first.ended).toBeUndefined();
    expect(await chromium.folders()).toBe(0);

    tab.told.length = 0;
    slow();
    const second = await begun(tab);
    tab.downloads.pause(second.source);
    await second.ended;
    expect(await chromium.folders()).toBe(1);
    await chromium.openTab().downloads.cancelAll();
    expect(await chromium.folders()).toBe(0);
  });

  test('is downloaded by one tab at a time', async () => {
    slow();
    const tab = chromium.openTab();
    const { source, ended } = await begun(tab);
    const other = chromium.openTab();
    await graftError(() => other.downloads.download(source, {}, () => undefined), 'download-running');
    await graftError(() => tab.downloads.download(source, {}, () => undefined), 'download-running');
    await graftError(() => other.downloads.cancel(source), 'download-running');
    server.heal();
    expect(await ended).toMatchObject({ name: 'tiny/sprig' });
  });

  test('gets another name if its own is taken by other content', async () => {
    const { get } = chromium.openTab();
    await get();
    server.repos.set(
      'tiny/sprig',
      changed('generation_config.json', (bytes) => Buffer.concat([bytes, Buffer.from('\n')])),
    );
    expect(await get()).toMatchObject({ name: 'tiny/sprig (2)' });
    expect((await chromium.store.list()).map(({ name }) => name)).toEqual(['tiny/sprig', 'tiny/sprig (2)']);
  });
});

describe('a download that fails', () => {
  test('reports an error of the transfer, and continues with the stored part', async () => {
    const { downloads, get } = chromium.openTab();
    const ofWeights = new RegExp(`^/lfs/${WEIGHTS_SHA256}`);
    server.fail(ofWeights, { bytes: new Uint8Array(WEIGHTS.byteLength) });
    expect((await graftError(get, 'hub-checksum')).what).toMatch(/its checksum differs/);
    const [{ done }] = await downloads.list();
    expect(done).toBeGreaterThan(0);
    expect(done).toBeLessThan(WEIGHTS.byteLength);
    server.fail(ofWeights, { cut: 400_000 }, 1);
    server.fail(ofWeights, { cut: 0 }, 1);
    expect((await graftError(get, 'hub-broken')).remedy).toMatch(/is kept \(\d+ kB\)/);
    server.reset();
    expect(await get()).toMatchObject({ name: 'tiny/sprig' });
    expect(await whole('tiny/sprig')).toBe(true);
  });

  test('reports an error of the disk, and its stored part stays', async () => {
    chromium.disk.disk.room = 1_000_000;
    const { downloads, get } = chromium.openTab();
    const error = await graftError(get, 'storage-full');
    expect(error.remedy).toMatch(/^The downloaded part of tiny\/sprig is kept/);
    expect((await downloads.list())[0].done).toBeGreaterThan(500_000);
    chromium.disk.disk.room = Infinity;
    server.requests.length = 0;
    await get();
    expect(ranges()[0]).toMatch(/^bytes=[1-9]\d{4,}-$/);
    expect(await whole('tiny/sprig')).toBe(true);
  });

  test('says where to accept a licence; the token opens it and is written nowhere', async () => {
    server.repos.set('tiny/gated', { ...sprig, gated: true });
    const { get } = chromium.openTab();
    const refused = await graftError(() => get('tiny/gated'), 'hub-gated');
    expect(refused.message).toContain(`${server.address}/tiny/gated`);
    await graftError(() => get('tiny/gated', 'hf_wrong'), 'hub-token');
    expect(await get('tiny/gated', TOKEN)).toMatchObject({ name: 'tiny/gated' });
    expect(
      server.requests.filter(({ authorization }) => authorization?.includes(TOKEN)).length,
    ).toBeGreaterThan(0);
    expect(await chromium.dump()).not.toContain(TOKEN);
  });

  test('is refused for its model before its weights are fetched, and nothing of it stays', async () => {
    const odd = changed('config.json', (bytes) =>
      Buffer.from(bytes.toString().replace('"llama"', '"oddity"')),
    );
    server.repos.set('tiny/odd', odd);
    const { get } = chromium.openTab();
    const error = await graftError(() => get('tiny/odd'), 'config-unsupported');
    expect(error.what).toMatch(/^Graft cannot open tiny\/odd: .*oddity/);
    expect(ranges()).toEqual([]);
    expect(await chromium.folders()).toBe(0);

    // Weights of another model are known when they are there.
    server.repos.set(
      'tiny/cut',
      changed('model.safetensors', (bytes) => bytes.subarray(0, 200_000)),
    );
    await graftError(() => get('tiny/cut'), 'safetensors');
    expect(await chromium.folders()).toBe(0);
  });
});

test('a GGUF file of another architecture is refused from its first bytes', async () => {
  const data = new Uint8Array(6 * 2 ** 20);
  const file = ggufFile({
    metadata: { 'general.architecture': { text: 'oddity' } },
    tensors: [{ name: 'token_embd.weight', shape: [6, 2 ** 18], type: 0, data }],
  });
  server.repos.set('tiny/odd-gguf', { files: { 'odd.gguf': file } });
  const { get, told, downloads } = chromium.openTab();
  const error = await graftError(() => get('tiny/odd-gguf'), 'gguf-unsupported');
  expect(error.what).toMatch(/^Graft cannot open .*oddity/);
  expect(told.at(-1)?.done ?? 0).toBeLessThan(file.byteLength / 2);
  expect(await chromium.folders()).toBe(0);
  expect(await downloads.list()).toEqual([]);
});

describe('a model of any server', () => {
  test('starts over if it has changed since the download was paused', async () => {
    slow();
    const tab = chromium.openTab();
    const url = `${server.filesAddress}/plain/tiny/sprig/`;
    const { source, ended } = await begun(tab, tab.get(url));
    tab.downloads.pause(source);
    await ended;
    server.reset();
    const other = changed('model.safetensors', (bytes) => {
      bytes[bytes.byteLength - 1] ^= 1;
      return bytes;
    });
    server.repos.set('tiny/sprig', other);
    expect(await chromium.openTab().downloads.download(source, {}, () => undefined)).toMatchObject({
      source: url,
    });
    const weights = await (await chromium.store.open('sprig')).open('model.safetensors');
    expect(Buffer.compare(await weights!.read(0, weights!.size), other.files['model.safetensors'])).toBe(0);
  });
});
