/**
 * Base models that a person brings, in every format and by picker and drop: kept in this browser and open without a network. Nothing is left of
 * one that is stopped, invalid or too large. The tests share a profile and build on each other.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { SPRIG } from '../engine/sprig.ts';
import { askAnew } from './answers.ts';
import { closeContexts, openChromium, openStudio, type WatchedPage } from './chromium.ts';
import { dragInto } from './drag.ts';
import { engineOf, startAndPause } from './gate.ts';
import { factOf, goTo, openSample, WAIT } from './looks.ts';
import { sprigGguf, writeShardedModel } from './model-files.ts';

const HOSTILE = '<img src=x onerror="document.title=1">';
const QUESTION = 'Who lives next to the school?';

let browser: Browser;
let studio: WatchedPage;
let page: Page;
let region: Locator;
let scratch: string;
/** What the bundled model answers: the same weights in another file answer the same. */
let answer: string;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'graft-models-'));
  await writeShardedModel(join(scratch, HOSTILE));
  await writeShardedModel(join(scratch, 'In parts'));
  writeFileSync(join(scratch, 'Sprig-F16.gguf'), await sprigGguf());
  browser = await openChromium();
  studio = await openStudio(browser, {
    viewport: { width: 1440, height: 900 },
    reducedMotion: 'reduce',
    serviceWorker: true,
  });
  ({ page } = studio);
  region = page.getByRole('region', { name: 'Model', exact: true });
});
afterAll(async () => {
  await closeContexts(browser);
  rmSync(scratch, { recursive: true, force: true });
});

const table = (): Locator => page.getByRole('region', { name: 'Models to choose from' });
/** The rows of models that this browser keeps. */
const kept = (): Promise<string[]> =>
  table().getByRole('row').filter({ hasText: 'In this browser:' }).allInnerTexts();

/** Waits until a model of this name is open. */
async function opened(name: string): Promise<void> {
  await expect.poll(() => region.getAttribute('aria-busy'), WAIT).toBe('false');
  const shown = region.locator('dt', { hasText: /^Name$/ }).locator('xpath=following-sibling::dd');
  await expect.poll(() => shown.innerText(), WAIT).toBe(name);
}

/** What the open model answers to the question, taking the most likely token always. */
async function ask(): Promise<string> {
  const [text] = await askAnew(page, QUESTION);
  await goTo(page, 'task');
  return text;
}

/** Folders of OPFS that have a model or a part of one. */
const folders = (): Promise<number> =>
  page.evaluate(async () => {
    const models = await (await navigator.storage.getDirectory()).getDirectoryHandle('models');
    const names: string[] = [];
    for await (const name of models.keys()) names.push(name);
    return names.length;
  });

async function remove(name: string): Promise<void> {
  const press = table().getByRole('button', { name: `Delete ${name}` });
  // The table may not be drawn yet.
  await press.waitFor(WAIT);
  const before = (await kept()).length;
  await press.click();
  await table().getByRole('button', { name: 'Delete for good' }).click();
  await expect.poll(async () => (await kept()).length, WAIT).toBe(before - 1);
}

/** Copies Sprig's folder, changed. */
function folderLike(name: string, change: (folder: string) => void): string {
  const folder = join(scratch, name);
  cpSync(SPRIG, folder, { recursive: true });
  change(folder);
  return folder;
}

test('a folder with sharded weights is opened by picker, and markup in its name stays text', async () => {
  await goTo(page, 'use');
  await page.getByText('Sampling', { exact: false }).first().click();
  await page.getByLabel('Temperature', { exact: true }).fill('0');
  await page.getByLabel('Maximum new tokens', { exact: true }).fill('16');
  answer = await ask();
  expect(answer).toMatch(/\w/);
  await region.getByLabel('Add a model folder').setInputFiles(join(scratch, HOSTILE));
  await opened(HOSTILE);
  // pytorch_model.bin and what lies deeper stay where they are.
  await expect
    .poll(kept)
    .toEqual([
      expect.stringMatching(
        /\s+In this browser: from disk or trained here, kept .*2\.6 MiB.*apache-2\.0.*Is open/s,
      ),
    ]);
  expect((await kept())[0]).toContain(HOSTILE);
  expect(await ask()).toBe(answer);
  expect(await page.locator('main img').count()).toBe(0);
  expect(await page.title()).toMatch(/Graft$/);
});

test('a dropped model is not copied twice, unless it was deleted before', async () => {
  await region.getByRole('button', { name: 'Open Sprig, bundled' }).click();
  await opened('sprig');
  await dragInto(region, join(scratch, 'In parts'));
  await opened(HOSTILE);
  await expect.poll(kept).toHaveLength(1);
  await remove(HOSTILE);
  await expect.poll(folders).toBe(0);
  await dragInto(region, join(scratch, 'In parts'));
  await opened('In parts');
  await expect.poll(kept).toEqual([expect.stringContaining('In parts')]);
  expect(await ask()).toBe(answer);
});

test('a GGUF file is opened by picker and by drop, and answers as its folder does', async () => {
  await region.getByLabel('Add a GGUF file').setInputFiles(join(scratch, 'Sprig-F16.gguf'));
  await opened('Sprig-F16');
  await expect.poll(kept).toHaveLength(2);
  expect(await ask()).toBe(answer);
  await remove('Sprig-F16');
  await dragInto(region, join(scratch, 'Sprig-F16.gguf'));
  await opened('Sprig-F16');
  await expect.poll(kept).toHaveLength(2);
  await expect.poll(() => region.locator('dl').innerText()).toMatch(/llama\s+Parameters\s+1\.31 M/);
});

test('a stopped copy leaves nothing, and the open model stays open', async () => {
  const larger = folderLike('Large', (folder) =>
    // Gigabytes, to the page: it asks for 4 MiB at a time.
    writeFileSync(join(folder, 'LICENSE'), new Uint8Array(40 * 2 ** 20)),
  );
  const worker = engineOf(page);
  await worker.evaluate(() => {
    const read = Blob.prototype.arrayBuffer;
    Blob.prototype.arrayBuffer = async function () {
      if (this.size > 2 ** 21) await new Promise((resolve) => setTimeout(resolve, 300));
      return read.call(this);
    };
  });
  await region.getByLabel('Add a model folder').setInputFiles(larger);
  await region.getByText('Copying the model into this browser').waitFor(WAIT);
  await region.getByRole('button', { name: 'Stop copying' }).click();
  await opened('Sprig-F16');
  await expect.poll(kept).toHaveLength(2);
  await expect.poll(folders).toBe(2);
  await expect.poll(() => region.getByRole('alert').count()).toBe(0);
});

test('a model that cannot be opened gets an error that says what is missing, and is not kept', async () => {
  const refused = async (folder: string, words: RegExp): Promise<void> => {
    await region.getByLabel('Add a model folder').setInputFiles(folder);
    const alert = region.getByRole('alert');
    await expect.poll(async () => (await alert.count()) && (await alert.innerText()), WAIT).toMatch(words);
    await expect.poll(folders).toBe(2);
  };
  const edit = (name: string, change: (config: Record<string, unknown>) => void): string =>
    folderLike(name, (folder) => {
      const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as Record<string, unknown>;
      change(config);
      writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
    });
  await refused(
    edit('Mamba', (config) => (config['model_type'] = 'mamba')),
    /"mamba" is not supported.*llama.*gemma3/s,
  );
  await refused(
    edit('Yarn', (config) => (config['rope_scaling'] = { rope_type: 'yarn', factor: 4 })),
    /Yarn\/config\.json.*yarn/s,
  );
  await refused(
    folderLike('No tokenizer', (folder) => rmSync(join(folder, 'tokenizer.json'))),
    /No tokenizer\/tokenizer\.json is not there/,
  );
  await refused(
    folderLike('No weights', (folder) => rmSync(join(folder, 'model.safetensors'))),
    /No weights has neither model\.safetensors nor model\.safetensors\.index\.json/,
  );
  await refused(
    folderLike('No config', (folder) => rmSync(join(folder, 'config.json'))),
    /No config has no config\.json/,
  );
  const half = join(scratch, 'Half');
  await writeShardedModel(half);
  rmSync(join(half, 'model-00002-of-00002.safetensors'));
  await refused(half, /Half\/model-00002-of-00002\.safetensors.*is not there/);
  await opened('Sprig-F16');
});

test('the page says when the disk fills during a copy; the model is open, and kept models are untouched', async () => {
  const worker = engineOf(page);
  await worker.evaluate(() => {
    const { prototype } = (globalThis as unknown as { FileSystemSyncAccessHandle: { prototype: Access } })
      .FileSystemSyncAccessHandle;
    interface Access {
      write(bytes: Uint8Array, options?: object): number;
    }
    const { write } = prototype;
    prototype.write = function (this: Access, bytes: Uint8Array, options?: object) {
      if (bytes.byteLength > 2 ** 20) throw new DOMException('No room.', 'QuotaExceededError');
      return write.call(this, bytes, options);
    };
  });
  const other = folderLike('Too much', (folder) => writeFileSync(join(folder, 'LICENSE'), 'Another text.'));
  await region.getByLabel('Add a model folder').setInputFiles(other);
  const alert = region.getByRole('alert');
  await alert.waitFor(WAIT);
  await expect.poll(() => alert.innerText()).toMatch(/no room left.*what was saved before is untouched/s);
  await expect.poll(folders).toBe(2);
  await opened('Too much');
  await expect.poll(kept).toHaveLength(2);
});

test('a model is open again after a reload without a network, and answers', async () => {
  await table().getByRole('button', { name: 'Open In parts' }).click();
  await opened('In parts');
  await goTo(page, 'data');
  await openSample(page);
  await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/^Data\s+360 rows/);
  // The settings suit these rows, and are kept, before the page goes.
  await goTo(page, 'train');
  await page.getByRole('region', { name: /^This run needs/ }).waitFor(WAIT);
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null, undefined, WAIT);
  await page.context().setOffline(true);
  await page.goto(inject('address'));
  await expect.poll(() => page.getByRole('banner').innerText(), WAIT).toMatch(/In parts/);
  // The conversation that was kept comes a moment later; what is asked now begins another.
  await goTo(page, 'use');
  await page.getByRole('article').last().waitFor(WAIT);
  expect(await ask()).toBe(answer);
  await opened('In parts');
  await page.context().setOffline(false);
});

test('a paused run leaves the GPU when another model is opened, and resumes with its own model', async () => {
  const chat = page.getByRole('button', { name: 'Chat with it', exact: true });
  const trains = page.getByRole('option', { name: /^Current run/ });
  await goTo(page, 'train');
  await startAndPause(page, () => page.getByRole('button', { name: 'Start training' }).click(WAIT));
  await chat.waitFor();
  await goTo(page, 'task');
  await region.getByRole('button', { name: 'Open Sprig, bundled' }).click();
  await opened('sprig');
  await goTo(page, 'use');
  await page.getByLabel('Prompt for both').waitFor();
  expect(await trains.count()).toBe(0);
  await goTo(page, 'train');
  await page.getByText(/^Paused at step \d+ of \d+, and kept in this browser/).waitFor();
  expect(await chat.count()).toBe(0);
  await startAndPause(page, () => page.getByRole('button', { name: 'Resume', exact: true }).click());
  await chat.waitFor();
  await expect.poll(() => page.getByRole('banner').innerText()).toMatch(/In parts/);
  await page.getByRole('button', { name: 'Discard' }).click();
  await page.getByRole('button', { name: 'Discard for good' }).click();
  await page.getByText(/^Discarded/).waitFor(WAIT);
});

test('the rows are read with the bundled model after the open one is deleted', async () => {
  await goTo(page, 'data');
  await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/^Data\s+360 rows/);
  await goTo(page, 'task');
  await remove('In parts');
  await remove('Sprig-F16');
  await expect.poll(folders).toBe(0);
  await region.getByRole('button', { name: 'Open Sprig, bundled' }).click();
  await opened('sprig');
  await goTo(page, 'baseline');
  await page.getByLabel('Rows').fill('2');
  await page.getByRole('button', { name: 'Measure every method' }).click();
  await page.getByRole('table', { name: /Methods without tuning/ }).waitFor(WAIT);
  expect(studio.problems).toEqual([]);
});

describe('a page without a project', () => {
  beforeAll(async () => {
    await studio.close();
    studio = await openStudio(browser, { viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' });
    ({ page } = studio);
    region = page.getByRole('region', { name: 'Model', exact: true });
  });
  const model = (): Promise<string> => page.getByRole('banner').innerText();
  const unopened = (): Locator => region.getByText('In parts is not open yet');
  const hasFocus = (at: Locator): Promise<boolean> =>
    at.evaluate((element) => element === document.activeElement);

  test('the model that was opened last reads the rows after a reload', async () => {
    await goTo(page, 'task');
    await region.getByLabel('Add a model folder').setInputFiles(join(scratch, 'In parts'));
    await opened('In parts');
    await page.reload();
    await unopened().waitFor(WAIT);
    await goTo(page, 'data');
    await page.getByRole('button', { name: 'Paste' }).click();
    await page
      .getByLabel('Rows', { exact: true })
      .fill(Array.from({ length: 20 }, (_, i) => `{"prompt":"Say ${i}","completion":"yes"}`).join('\n'));
    await page.getByRole('button', { name: 'Read these rows' }).click();
    await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/^Data\s+20 rows/);
    expect(await model()).toMatch(/In parts/);
  });

  test('the error of a model that cannot be opened is only under Task, until it is dismissed', async () => {
    await goTo(page, 'task');
    await opened('In parts');
    const broken = folderLike('Nothing', (folder) => rmSync(join(folder, 'config.json')));
    await region.getByLabel('Add a model folder').setInputFiles(broken);
    const alert = region.getByRole('alert');
    await expect
      .poll(async () => (await alert.count()) && (await alert.innerText()), WAIT)
      .toMatch(/Nothing has no config\.json.*In parts is still open\./s);
    await goTo(page, 'train');
    await page.getByRole('region', { name: /^This run needs/ }).waitFor(WAIT);
    expect(await page.getByRole('main').getByRole('alert').count()).toBe(0);
    await goTo(page, 'task');
    await alert.getByRole('button', { name: 'Put away' }).click();
    await expect.poll(() => alert.count()).toBe(0);
    expect(await hasFocus(region.getByRole('heading', { name: 'Model', exact: true }))).toBe(true);
    // The project that these rows have made keeps the model too.
    await page.reload();
    await unopened().or(region.locator('dl').first()).waitFor(WAIT);
    await expect.poll(model, WAIT).toMatch(/In parts/);
  });

  test('a new project starts with the last model, or with the bundled one once that is deleted', async () => {
    await goTo(page, 'start');
    await page.getByRole('button', { name: 'New project' }).click();
    await page.getByRole('heading', { level: 1, name: 'Data' }).waitFor();
    await page.reload();
    await goTo(page, 'task');
    await unopened().waitFor(WAIT);
    await page.getByLabel('What should it do?').fill('Say yes');
    await page.getByLabel('What should it do?').press('Enter');
    await expect.poll(model).toMatch(/Say yes/);
    await page.reload();
    await unopened().waitFor(WAIT);
    await region.getByRole('button', { name: 'Open it now' }).click();
    await opened('In parts');

    await goTo(page, 'start');
    await page.getByRole('button', { name: 'New project' }).click();
    await page.getByRole('heading', { level: 1, name: 'Data' }).waitFor();
    await goTo(page, 'task');
    await remove('In parts');
    expect(await hasFocus(region.getByRole('heading', { name: 'Model', exact: true }))).toBe(true);
    await region.getByText('None is open yet').waitFor();
    await page.reload();
    await region.getByText('None is open yet').waitFor(WAIT);
    expect(studio.problems).toEqual([]);
  });
});
