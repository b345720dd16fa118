/**
 * What the studio keeps, in the production build: projects come back after a reload as they were, and what an older version kept opens
 * in this one. The tests share a profile and build on each other.
 */
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { describeShared, sharedPath } from '../shared.ts';
import { launchChromium, openStudio, type WatchedPage } from './chromium.ts';

const STEP_MS = 60_000;

let browser: Browser;
let studio: WatchedPage;
beforeAll(async () => {
  browser = await launchChromium();
  studio = await openStudio(browser, { viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' });
});
afterAll(() => browser.close());

async function goTo(page: Page, stage: string): Promise<void> {
  await page.evaluate((hash) => (location.hash = hash), stage === 'start' ? '#/' : `#/${stage}`);
  await page.locator('h1').first().waitFor();
}

/** The fact that the stem tells of a stage. */
const factOf = (page: Page, stage: string): Promise<string> =>
  page.getByRole('navigation').getByRole('link', { name: stage }).innerText();

const brand = (page: Page): Promise<string> => page.getByRole('banner').getByRole('link').first().innerText();
const projects = (page: Page): ReturnType<Page['locator']> => page.getByRole('region', { name: 'Projects' });

/** Starts a run with the settings that are there, and pauses it. */
async function trainAndPause(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Start training' }).click();
  await page.getByRole('button', { name: 'Pause' }).click({ timeout: STEP_MS });
  await page.getByText(/^Paused at step/).waitFor({ timeout: STEP_MS });
}

async function resumeToTheEnd(page: Page): Promise<void> {
  await page.getByRole('group', { name: 'This run' }).getByRole('button', { name: 'Resume' }).click();
  await page.getByText(/^Done: loss/).waitFor({ timeout: STEP_MS });
}

describe('a project', () => {
  test('is made by what is put in it, and is there after a reload as it was', async () => {
    const { page, problems } = studio;
    await goTo(page, 'data');
    await page.getByRole('button', { name: /^A sea captain/ }).click();
    await expect.poll(() => factOf(page, 'Data'), { timeout: STEP_MS }).toMatch(/360 rows/);
    await page.getByLabel('Validation, %').fill('20');
    await page.getByLabel('Validation, %').blur();
    const held = page.getByText('validation', { exact: true }).locator('xpath=following-sibling::dd');
    await expect.poll(() => held.innerText()).toBe('64');
    await page.getByLabel('Seed of the split').fill('7');
    await page.getByLabel('Seed of the split').blur();
    await goTo(page, 'task');
    await page.getByLabel('What should it do?').fill('Answer as a captain');
    await page.getByLabel('What does success look like?').fill('Ahoy in every answer');
    await page.getByLabel('What does success look like?').blur();
    await goTo(page, 'train');
    await page.getByText('Every setting, explained').click();
    await page.getByLabel('Steps', { exact: true }).fill('24');
    await page.getByLabel('Warm-up, steps').fill('2');
    await page.getByLabel('Validate every … steps').fill('0');
    await trainAndPause(page);

    await page.reload();
    await page.getByText(/^Paused at step/).waitFor({ timeout: STEP_MS });
    expect(await brand(page)).toMatch(/A sea captain/);
    await goTo(page, 'data');
    await expect.poll(() => factOf(page, 'Data'), { timeout: STEP_MS }).toMatch(/360 rows/);
    await page.getByRole('heading', { name: /as the model sees it/ }).waitFor();
    expect(await page.getByLabel('Validation, %').inputValue()).toBe('20');
    expect(await page.getByLabel('Seed of the split').inputValue()).toBe('7');
    await goTo(page, 'task');
    expect(await page.getByLabel('What should it do?').inputValue()).toBe('Answer as a captain');
    expect(await page.getByLabel('What does success look like?').inputValue()).toBe('Ahoy in every answer');
    await goTo(page, 'train');
    await page.getByRole('button', { name: 'New run' }).click();
    await page.getByText('Every setting, explained').click();
    expect(await page.getByLabel('Steps', { exact: true }).inputValue()).toBe('24');
    expect(problems).toEqual([]);
  });

  test('is one of several: begun, renamed, deleted, brought back, opened where it was left', async () => {
    const { page, problems } = studio;
    await goTo(page, 'start');
    await projects(page).getByRole('button', { name: 'New project' }).click();
    await page.getByRole('button', { name: 'Paste' }).click();
    const rows = Array.from({ length: 20 }, (_, i) =>
      JSON.stringify({ prompt: `Say ${i}`, completion: ' yes' }),
    );
    await page.getByLabel('Rows', { exact: true }).fill(rows.join('\n'));
    await page.getByRole('button', { name: 'Read these rows' }).click();
    await expect.poll(() => factOf(page, 'Data'), { timeout: STEP_MS }).toMatch(/20 rows/);
    expect(await brand(page)).toMatch(/pasted/);
    expect(await factOf(page, 'Train')).toMatch(/ready/);

    await goTo(page, 'start');
    expect(await projects(page).getByRole('listitem').count()).toBe(2);
    await projects(page)
      .getByRole('button', { name: /^Rename pasted/ })
      .click();
    await page.getByLabel('Name of the project').fill('Yes-sayer');
    await page.keyboard.press('Enter');
    await projects(page).getByRole('button', { name: 'Delete Yes-sayer' }).click();
    await projects(page).getByRole('button', { name: 'Bring it back' }).click();
    await projects(page).getByRole('button', { name: 'Delete Yes-sayer' }).waitFor();
    await projects(page).getByRole('button', { name: 'Open A sea captain' }).click();
    await page.getByText(/^Paused at step/).waitFor({ timeout: STEP_MS });
    await expect.poll(() => factOf(page, 'Data'), { timeout: STEP_MS }).toMatch(/360 rows/);
    expect(problems).toEqual([]);
  });
});

describeShared('a model folder', () => {
  const folder = sharedPath('models', 'stories260K');

  test('is kept, and open after a reload without asking', async () => {
    const { page, problems } = studio;
    await goTo(page, 'start');
    await projects(page).getByRole('button', { name: 'Open Yes-sayer' }).click();
    await page.getByRole('heading', { level: 1, name: 'Data' }).waitFor();
    await goTo(page, 'task');
    const model = page.getByRole('region', { name: 'Model', exact: true });
    await model.getByLabel('Add a model folder').setInputFiles(folder);
    await expect.poll(() => model.getByRole('listitem').count(), { timeout: STEP_MS }).toBe(1);
    expect(await model.getByRole('listitem').innerText()).toMatch(/stories260K\s+1 MiB, .*licence.*, open/);
    // The rows are read again, with this model's tokenizer.
    await expect.poll(() => factOf(page, 'Data'), { timeout: STEP_MS }).toMatch(/20 rows/);
    expect(await brand(page)).toMatch(/stories260K/);
    await goTo(page, 'train');
    await page.getByText('Every setting, explained').click();
    await page.getByLabel('Steps', { exact: true }).fill('24');
    await page.getByLabel('Warm-up, steps').fill('2');
    await page.getByLabel('Validate every … steps').fill('0');
    await trainAndPause(page);

    await page.reload();
    await page.getByText(/^Paused at step/).waitFor({ timeout: STEP_MS });
    await resumeToTheEnd(page);
    await goTo(page, 'use');
    expect(await page.getByRole('region', { name: 'Adapters' }).innerText()).toMatch(
      /for stories260K.*on pasted\.jsonl, version\s+[0-9a-f]{7}/s,
    );
    expect(problems).toEqual([]);
  });

  test('is deleted after saying what needs it; one that is not supported is told, and not kept', async () => {
    const { page, problems } = studio;
    await goTo(page, 'task');
    const model = page.getByRole('region', { name: 'Model', exact: true });
    const parent = mkdtempSync(join(tmpdir(), 'graft-'));
    const odd = join(parent, 'oddity');
    cpSync(folder, odd, { recursive: true });
    chmodSync(odd, 0o755);
    rmSync(join(odd, 'config.json'));
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as object;
    writeFileSync(join(odd, 'config.json'), JSON.stringify({ ...config, model_type: 'oddity' }));
    await model.getByLabel('Add a model folder').setInputFiles(odd);
    await model.getByRole('alert').waitFor({ timeout: STEP_MS });
    expect(await model.getByRole('alert').innerText()).toMatch(/"oddity" is not supported/);
    expect(await model.getByRole('listitem').count()).toBe(1);
    rmSync(parent, { recursive: true });

    await model.getByRole('button', { name: 'Delete stories260K' }).click();
    expect(await model.getByRole('status').innerText()).toMatch(/1 adapter needs it/);
    await model.getByRole('button', { name: 'Delete for good' }).click();
    await expect.poll(() => model.getByRole('listitem').count()).toBe(0);
    await model.getByRole('button', { name: 'Open Sprig, bundled' }).click();
    await expect.poll(() => brand(page), { timeout: STEP_MS }).toMatch(/sprig/);
    expect(problems).toEqual([]);
  });
});

/** What version 1 did not have. */
const NEW_IN_2 = ['projectId', 'data'] as const;

describe('an older version', () => {
  test('of the database opens: its runs go to a first project, and a paused one goes on', async () => {
    const { page } = studio;
    // A page without a worker, so that nobody holds the database.
    await page.goto(new URL('samples/index.json', inject('address')).href);
    const before = await page.evaluate(async (fields) => {
      const done = <T>(request: IDBRequest<T>): Promise<T> =>
        new Promise((resolve, reject) => {
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error!);
        });
      const stores = ['adapters', 'adapter-files', 'runs', 'rows', 'checkpoints', 'settings'];
      const now = await done(indexedDB.open('graft'));
      const kept: [string, [IDBValidKey, unknown][]][] = [];
      for (const name of stores) {
        const store = now.transaction(name).objectStore(name);
        const [keys, values] = [await done(store.getAllKeys()), await done<unknown[]>(store.getAll())];
        kept.push([name, keys.map((key, i) => [key, values[i]])]);
      }
      now.close();
      await done(indexedDB.deleteDatabase('graft'));

      const opening = indexedDB.open('graft', 1);
      opening.onupgradeneeded = () => {
        for (const name of ['adapters', 'runs']) opening.result.createObjectStore(name, { keyPath: 'id' });
        for (const name of ['adapter-files', 'rows', 'checkpoints', 'settings'])
          opening.result.createObjectStore(name);
      };
      const old = await done(opening);
      for (const [name, entries] of kept) {
        for (const [key, value] of entries) {
          const store = old.transaction(name, 'readwrite').objectStore(name);
          if (store.keyPath === null) await done(store.put(value, key));
          else {
            const record = { ...(value as Record<string, unknown>) };
            for (const field of fields) delete record[field];
            await done(store.put(record));
          }
        }
      }
      old.close();
      sessionStorage.clear();
      localStorage.setItem('graft-task', JSON.stringify({ title: 'An old task', success: 'As before' }));
      return kept.map(([name, entries]) => `${name}: ${entries.length}`);
    }, NEW_IN_2);
    expect(before).toEqual(expect.arrayContaining(['runs: 1', 'checkpoints: 1', 'rows: 1']));

    await page.goto(inject('address'));
    await projects(page).getByRole('button', { name: 'Open First project' }).click();
    await page.getByText(/^Paused at step/).waitFor({ timeout: STEP_MS });
    await resumeToTheEnd(page);
    await goTo(page, 'task');
    expect(await page.getByLabel('What should it do?').inputValue()).toBe('An old task');
    await expect.poll(() => factOf(page, 'Use')).toMatch(/1 adapter kept/);
    await goTo(page, 'start');
    expect(await projects(page).getByRole('listitem').innerText()).toMatch(/sprig.*1 run, 1 adapter/s);
    // The page that only shows a file has no icon.
    expect(studio.problems.filter((problem) => !/404/.test(problem))).toEqual([]);
  });
});
