/**
 * Exports of everything or of one project, with base models or without: another browser has the same records, byte by byte. A damaged or hostile
 * file gets an error that says what is wrong with it. The tests build on each other.
 */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync, zipSync } from 'fflate';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sprigAdapter, zipOf } from './adapter-files.ts';
import { askAnew } from './answers.ts';
import { closeContexts, openChromium, openStudio, type WatchedPage } from './chromium.ts';
import { allowSteps, engineOf, startAndPause } from './gate.ts';
import { downloadOf, factOf, goTo, inspect, openSettings, WAIT } from './looks.ts';
import { writeShardedModel } from './model-files.ts';

const HOSTILE = '<img src=x onerror="document.title=1">';
const QUESTION = 'Where is my card?';
const VIEW = { viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' } as const;
const TABLE = ['Says;Queue', ...Array.from({ length: 12 }, (_, i) => `Card ${i} is lost;cards`)].join('\n');
/** The stores that are compared: all but the measurements of the browser's own GPU. */
const STORES = [
  ...['projects', 'data-sets', 'data-files', 'runs', 'rows'],
  ...['run-summaries', 'checkpoints', 'adapters', 'adapter-files', 'results', 'feedback'],
  ...['sweeps', 'document-indexes', 'documents', 'document-texts', 'document-vectors'],
];

type Zip = Record<string, Uint8Array>;

let browser: Browser;
let studio: WatchedPage;
let page: Page;
let scratch: string;
let everything: string;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'graft-archive-'));
  everything = join(scratch, 'everything.zip');
  await writeShardedModel(join(scratch, 'In parts'));
  browser = await openChromium();
  studio = await openStudio(browser, VIEW);
  ({ page } = studio);
});
afterAll(async () => {
  await closeContexts(browser);
  rmSync(scratch, { recursive: true, force: true });
});

const region = (of: Page): ReturnType<Page['locator']> => of.getByRole('region', { name: 'Take it along' });

/** Every record with its key; bytes by their length and SHA-256. */
function records(of: Page): Promise<Record<string, unknown>> {
  return of.evaluate(async (stores) => {
    const done = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error!);
      });
    const plain = async (value: unknown): Promise<unknown> => {
      if (ArrayBuffer.isView(value)) {
        const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice();
        const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
        return `${bytes.length} bytes ${Array.from(hash, (byte) => byte.toString(16)).join(' ')}`;
      }
      if (Array.isArray(value)) return Promise.all(value.map(plain));
      if (typeof value !== 'object' || value === null) return value;
      const fields = Object.entries(value).map(async ([name, part]) => [name, await plain(part)] as const);
      return Object.fromEntries(await Promise.all(fields));
    };
    const database = await done(indexedDB.open('graft'));
    const all: Record<string, unknown> = {};
    for (const name of stores) {
      const store = database.transaction(name).objectStore(name);
      const [keys, values] = await Promise.all([done(store.getAllKeys()), done(store.getAll())]);
      all[name] = await plain(keys.map((key, at) => [key, values[at] as unknown]));
    }
    database.close();
    return all;
  }, STORES);
}

/** Names, sizes and SHA-256 of the files of all base models. */
function models(of: Page): Promise<unknown> {
  return of.evaluate(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('models');
    const found: unknown[] = [];
    for await (const handle of folder.values()) {
      const files = handle as FileSystemDirectoryHandle;
      const read = async (name: string): Promise<File> => (await files.getFileHandle(name)).getFile();
      const manifest = JSON.parse(await (await read('manifest.json')).text()) as {
        name: string;
        licence: string;
        files: { name: string; size: number }[];
      };
      for (const [at, { name, size }] of manifest.files.entries()) {
        const hash = await crypto.subtle.digest('SHA-256', await (await read(String(at))).arrayBuffer());
        found.push([manifest.name, manifest.licence, name, size, new Uint8Array(hash).join(' ')]);
      }
    }
    return found;
  });
}

async function exportAll(to: string): Promise<void> {
  const download = await downloadOf(page, () =>
    page.getByRole('button', { name: 'Export everything' }).click(),
  );
  await download.saveAs(to);
}

/** Imports a file and returns what the page says of it. */
async function bring(of: Page, name: string, zip: Zip | Uint8Array): Promise<string> {
  const buffer = Buffer.from(zip instanceof Uint8Array ? zip : zipSync(zip, { level: 1 }));
  await of.getByLabel('Import an export').setInputFiles({ name, mimeType: 'application/zip', buffer });
  await expect.poll(() => region(of).getAttribute('aria-busy'), WAIT).toBe('false');
  const said = of.getByRole('alert').or(region(of).getByRole('status').filter({ hasText: /added/i }));
  await said.waitFor(WAIT);
  return said.innerText();
}

/** The export with a changed JSON file in it. */
function edited(pattern: RegExp, change: (value: Record<string, unknown>) => void): Zip {
  const zip: Zip = unzipSync(readFileSync(everything));
  const path = Object.keys(zip).find((name) => pattern.test(name));
  if (path === undefined) throw new Error(`Nothing in the export is called ${pattern}`);
  const value = JSON.parse(new TextDecoder().decode(zip[path])) as Record<string, unknown>;
  change(value);
  return { ...zip, [path]: new TextEncoder().encode(JSON.stringify(value)) };
}

async function fresh(): Promise<WatchedPage> {
  const other = await openStudio(browser, VIEW);
  await goTo(other.page, 'storage');
  // Opened before the worker has made it, the database would be made without stores, and would stay so.
  const made = (): Promise<boolean> =>
    other.page.evaluate(async () =>
      (await indexedDB.databases()).some(({ name, version = 0 }) => name === 'graft' && version > 1),
    );
  await expect.poll(made, WAIT).toBe(true);
  return other;
}

/** An adapter whose configuration names this model as its base. */
async function adapterFor(baseModel: string): ReturnType<typeof sprigAdapter> {
  const files = await sprigAdapter(1);
  const config = JSON.parse(new TextDecoder().decode(files['adapter_config.json'])) as object;
  const named = JSON.stringify({ ...config, base_model_name_or_path: baseModel });
  return { ...files, 'adapter_config.json': new TextEncoder().encode(named) };
}

/** A sweep of two runs, paused in the first one and continued after a reload. */
async function sweep(): Promise<void> {
  await goTo(page, 'train');
  await openSettings(page);
  await page.getByRole('spinbutton', { name: 'Steps', exact: true }).fill('6');
  await page.getByRole('spinbutton', { name: 'Warm-up, steps' }).fill('1');
  await page.getByText('Sweep: try several settings, and take the best').click();
  await page.getByLabel('Vary a setting').selectOption({ label: 'Learning rate' });
  await page.getByLabel('Values of Learning rate, with commas between them').fill('1e-5, 0.02');
  await page.getByText('2 runs, 12 steps in all.').waitFor(WAIT);
  expect(await inspect(page, 'sweep-form')).toEqual([]);
  await allowSteps(engineOf(page), 2);
  await page.getByRole('button', { name: 'Start 2 runs' }).click();
  await page.getByText(/^Run 1 of 2, step 2 of 6/).waitFor(WAIT);
  await page.getByRole('group', { name: 'This sweep' }).getByRole('button', { name: 'Pause' }).click();
  await allowSteps(engineOf(page), Infinity);
  await page.getByText(/^Paused\. Runs that are done stay/).waitFor(WAIT);
  await page.reload();
  // It is what Train shows, with the button that continues it.
  await page
    .getByRole('group', { name: 'This sweep' })
    .getByRole('button', { name: 'Continue', exact: true })
    .click(WAIT);
  await page.getByText('2 of 2 runs over, 12 of 12 steps').waitFor(WAIT);
  await page
    .locator('main')
    .getByText(/^Best by validation: learning rate /)
    .waitFor(WAIT);
  const table = page.getByRole('region', { name: 'Table of recipes' });
  const losses = await table.locator('tbody tr td:nth-of-type(2)').allInnerTexts();
  expect(losses.map(Number)).toEqual(losses.map(Number).sort((a, b) => a - b));
  expect(await inspect(page, 'sweep')).toEqual([]);
  await page.getByRole('button', { name: 'Use the best recipe for the next run' }).click();
  await page.getByRole('button', { name: 'Start training' }).waitFor(WAIT);
  // Its runs are listed with it, and their adapters are in no library.
  expect(await page.getByRole('region', { name: 'Sweeps' }).innerText()).toMatch(/done, 2 of 2 runs over/);
  expect(await page.getByRole('region', { name: 'Table of runs' }).count()).toBe(0);
  expect(await factOf(page, 'Use')).toMatch(/nothing kept yet/);
}

let answers: string[];

test('the page says how many bytes base models add, and the file has that size', async () => {
  await goTo(page, 'task');
  await page.getByLabel('Add a model folder').setInputFiles(join(scratch, 'In parts'));
  await expect.poll(() => page.getByRole('banner').innerText(), WAIT).toMatch(/In parts/);
  await goTo(page, 'data');
  await page.getByLabel('Open a file').setInputFiles({
    name: 'tickets.csv',
    mimeType: 'text/csv',
    buffer: Buffer.from(TABLE),
  });
  await page.getByLabel('Reference answer').selectOption('Queue');
  await page.getByRole('button', { name: 'Read these columns' }).click();
  await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/^Data\s+12 rows/);
  await sweep();
  await openSettings(page);
  await page.getByRole('spinbutton', { name: 'Steps', exact: true }).fill('24');
  await page.getByRole('spinbutton', { name: 'Warm-up, steps' }).fill('1');
  await page.getByRole('spinbutton', { name: 'Validate every … steps' }).fill('0');
  await startAndPause(page, () => page.getByRole('button', { name: 'Start training' }).click());
  await goTo(page, 'use');
  await page.getByLabel('Import a zip').setInputFiles({
    name: `${HOSTILE}.zip`,
    mimeType: 'application/zip',
    buffer: Buffer.from(zipOf(await adapterFor('In parts'))),
  });
  await page.getByRole('button', { name: `Delete ${HOSTILE}` }).waitFor(WAIT);
  await page.getByLabel('Right side').selectOption({ label: HOSTILE });
  answers = await askAnew(page, QUESTION);
  await page
    .getByRole('button', { name: /^Good answer: / })
    .last()
    .click();
  await expect.poll(async () => ((await records(page))['feedback'] as unknown[]).length).toBe(1);

  await goTo(page, 'documents');
  const note = {
    name: 'lost card.txt',
    mimeType: 'text/plain',
    buffer: Buffer.from('A lost card is blocked at once.'),
  };
  await page.getByLabel('Add files').setInputFiles(note);
  await page.getByText('1 document added.').waitFor(WAIT);

  await goTo(page, 'storage');
  const small = join(scratch, 'small.zip');
  await exportAll(small);
  const choice = page.getByRole('checkbox', { name: /^With base models/ });
  await expect.poll(() => choice.locator('xpath=..').innerText()).toMatch(/2\.6 MiB/);
  await choice.check();
  await exportAll(everything);
  const added = statSync(everything).size - statSync(small).size;
  expect(added).toBeGreaterThan(2.5 * 2 ** 20);
  expect(added).toBeLessThan(2.8 * 2 ** 20);
  expect(Object.keys(unzipSync(readFileSync(small))).some((name) => name.startsWith('models/'))).toBe(false);
});

test('another browser imports the same records, and works on without the first one', async () => {
  const other = await fresh();
  expect(await bring(other.page, 'everything.zip', readFileSync(everything))).toBe(
    'Added: 1 project, 1 data set, 3 runs, 1 adapter, 1 result, 1 judged answer, 1 document, 1 sweep, 1 model.',
  );
  expect(await records(other.page)).toEqual(await records(page));
  expect(await models(other.page)).toEqual(await models(page));

  await goTo(other.page, 'start');
  await other.page.getByRole('button', { name: 'Open tickets.csv' }).click();
  await expect.poll(() => factOf(other.page, 'Data'), WAIT).toMatch(/^Data\s+12 rows/);
  await expect.poll(() => other.page.getByRole('banner').innerText()).toMatch(/In parts/);
  expect(await askAnew(other.page, QUESTION)).toEqual(answers);
  await goTo(other.page, 'documents');
  await other.page.getByLabel('Question or words').fill('blocked');
  await other.page.getByRole('button', { name: 'Search', exact: true }).click();
  await other.page.getByRole('button', { name: /lost card\.txt.*A lost card is blocked/s }).waitFor(WAIT);
  await goTo(other.page, 'train');
  await other.page.getByRole('group', { name: 'This run' }).getByRole('button', { name: 'Resume' }).click();
  await other.page.getByText(/^Done: loss/).waitFor(WAIT);
  expect([...studio.problems, ...other.problems]).toEqual([]);
  await other.close();
});

test('the file of one project has that project and nothing else, and names its base with a fingerprint', async () => {
  const before = await records(page);
  await goTo(page, 'start');
  await page.getByRole('button', { name: 'New project' }).click();
  await page.getByRole('button', { name: 'Paste' }).click();
  await page.getByLabel('Rows', { exact: true }).fill('{"prompt":"Say","completion":" yes"}\n'.repeat(4));
  await page.getByRole('button', { name: 'Read these rows' }).click();
  await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/^Data\s+4 rows/);

  await goTo(page, 'storage');
  await page.getByLabel('One project').selectOption({ label: 'tickets.csv' });
  const download = await downloadOf(page, () => page.getByRole('button', { name: 'Share project' }).click());
  expect(download.suggestedFilename()).toMatch(/^graft-tickets-csv-\d{4}-\d\d-\d\d\.zip$/);
  const shared = join(scratch, 'shared.zip');
  await download.saveAs(shared);
  const names = Object.keys(unzipSync(readFileSync(shared)));
  expect(new Set(names.map((name) => name.split('/').slice(0, 2).join('/'))).size).toBe(2);
  expect(names).toContain('graft.json');

  const other = await fresh();
  const said = await bring(other.page, 'shared.zip', readFileSync(shared));
  expect(said).toMatch(
    /^Added: 1 project, 1 data set, 3 runs, 1 adapter, 1 result, 1 judged answer, 1 document, 1 sweep\./,
  );
  expect(said).toMatch(/tickets\.csv needs the base model In parts \([0-9a-f]{8}\)\. It is not kept here\./);
  expect(await records(other.page)).toEqual(before);
  await other.page.getByRole('link', { name: 'Task', exact: true }).last().click();
  await other.page.getByLabel('Add a model folder').setInputFiles(join(scratch, 'In parts'));
  await expect.poll(() => factOf(other.page, 'Task'), WAIT).toMatch(/In parts is open/);
  await goTo(other.page, 'storage');
  expect(await bring(other.page, 'shared.zip', readFileSync(shared))).not.toMatch(/needs the base model/);
  expect(other.problems).toEqual([]);
  await other.close();
});

test('a stopped import leaves nothing behind', async () => {
  const other = await fresh();
  const before = await records(other.page);
  const worker = engineOf(other.page);
  // The project is written by then, and its rows are being checked.
  await worker.evaluate(() => {
    const scope = globalThis as unknown as { go: () => void };
    const held = new Promise<void>((resolve) => (scope.go = resolve));
    const digest = SubtleCrypto.prototype.digest;
    SubtleCrypto.prototype.digest = async function (...args) {
      await held;
      return digest.apply(this, args);
    };
  });
  await other.page.getByLabel('Import an export').setInputFiles(everything);
  await expect.poll(() => records(other.page), WAIT).not.toEqual(before);
  await expect
    .poll(() => region(other.page).innerText())
    .toMatch(/Importing the file [\d.]+ KiB of [\d.]+ MiB/);
  await region(other.page).getByRole('button', { name: 'Stop' }).click();
  await worker.evaluate(() => (globalThis as unknown as { go: () => void }).go());
  await expect.poll(() => region(other.page).getAttribute('aria-busy'), WAIT).toBe('false');
  expect(await records(other.page)).toEqual(before);
  expect(await models(other.page)).toEqual([]);
  await expect.poll(() => other.page.getByRole('log').innerText()).toMatch(/what it had added is taken back/);
  expect(await bring(other.page, 'everything.zip', readFileSync(everything))).toMatch(/^Added: 1 project,/);
  expect(other.problems).toEqual([]);
  await other.close();
});

test('whole records of a damaged file are imported, and damaged ones are named', async () => {
  const other = await fresh();
  const bytes = readFileSync(everything);
  expect(await bring(other.page, 'cut.zip', bytes.subarray(0, bytes.length / 2))).toMatch(
    /cut\.zip cannot be read: it has no directory/,
  );
  // The adapter in the library, and not one of the sweep.
  const zip: Zip = unzipSync(bytes);
  const kept = Object.keys(zip).find(
    (name) => name.endsWith('/adapter.json') && !new TextDecoder().decode(zip[name]).includes('"sweep"'),
  )!;
  const weights = kept.replace('adapter.json', 'adapter_model.safetensors');
  const tensors = bytes.indexOf('lora_A.weight', bytes.indexOf(weights));
  bytes[tensors + 4000] ^= 1;
  const said = await bring(other.page, 'flipped.zip', bytes);
  expect(said).toMatch(
    /^Added: 1 project, 1 data set, 3 runs, 1 result, 1 judged answer, 1 document, 1 sweep, 1 model\./,
  );
  expect(said).toMatch(/adapters\/.*adapter_model\.safetensors is not as it was packed/s);
  // The whole file adds the rest, and nothing twice.
  expect(await bring(other.page, 'everything.zip', readFileSync(everything))).toMatch(/^Added: 1 adapter\./);
  expect(other.problems).toEqual([]);
  await other.close();
});

test('a hostile file gets an error that says what it is, and breaks nothing', async () => {
  const other = await fresh();
  const before = await records(other.page);
  const refused = async (zip: Zip, words: RegExp): Promise<void> => {
    expect(await bring(other.page, 'hostile.zip', zip)).toMatch(words);
    expect(await records(other.page)).toEqual(before);
  };
  await refused({ '../../graft.json': new Uint8Array(1) }, /is not a valid file name/);
  await refused({ 'notes.txt': new Uint8Array(1) }, /is not an export of Graft/);
  await refused(
    edited(/^graft\.json$/, (manifest) => (manifest['version'] = 99)),
    /written by a newer Graft \(format 99/,
  );

  // A run with settings that no run has, in a project whose name is markup and whose settings have other types.
  const zip = edited(/project\.json$/, (project) =>
    Object.assign(project, { name: HOSTILE, page: { task: 1, settings: { steps: {} }, chat: [HOSTILE] } }),
  );
  const pathOf = (pattern: RegExp): string => Object.keys(zip).find((name) => pattern.test(name))!;
  const swap = (path: string, change: (text: string) => string): void => {
    zip[path] = new TextEncoder().encode(change(new TextDecoder().decode(zip[path])));
  };
  swap(pathOf(/run\.json$/), (text) => text.replace(/"lr":[^,]+/, '"lr":"fast"'));
  swap(pathOf(/data\.json$/), (text) => text.replace(/"rows":12/, '"rows":11'));
  swap(pathOf(/data\/[0-9a-f]+\/0$/), (text) => `${text}\nYour card is mine;${HOSTILE}`);
  const told = await bring(other.page, 'hostile.zip', zip);
  expect(told).toMatch(
    /^Added: 1 project, 2 runs, 1 adapter, 1 result, 1 judged answer, 1 document, 1 sweep, 1 model\./,
  );
  expect(told).toMatch(/run\.json is not as Graft writes it: settings\.lr/);
  expect(told).toMatch(/Data set “tickets\.csv”: Its rows are not those that its version names/);
  await goTo(other.page, 'start');
  await other.page.getByRole('button', { name: `Open ${HOSTILE}` }).click();
  for (const stage of ['task', 'data', 'baseline', 'train', 'evaluate', 'use', 'storage'])
    await goTo(other.page, stage);
  expect(await other.page.locator('img').count()).toBe(0);
  expect(await other.page.title()).toMatch(/Graft$/);
  expect(other.problems).toEqual([]);
  await other.close();
});
