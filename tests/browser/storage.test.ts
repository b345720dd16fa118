/**
 * What the studio keeps, in the production build: projects come back after a reload as they were, and what an older version kept opens
 * in this one. The tests share a profile and build on each other.
 */
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { launchChromium, openStudio, type WatchedPage } from './chromium.ts';
import { EVERY_CALL, holdCalls, startAndPause } from './gate.ts';
import { downloadOf, factOf, goTo, inspect, openSettings, PICTURES } from './looks.ts';

const STEP_MS = 60_000;

let browser: Browser;
let studio: WatchedPage;
beforeAll(async () => {
  mkdirSync(PICTURES, { recursive: true });
  browser = await launchChromium();
  studio = await openStudio(browser, { viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' });
});
afterAll(() => browser.close());

const brand = (page: Page): Promise<string> => page.getByRole('banner').getByRole('link').first().innerText();
const projects = (page: Page): ReturnType<Page['locator']> => page.getByRole('region', { name: 'Projects' });

/** Starts a run with the settings that are there, and pauses it. */
const trainAndPause = (page: Page): Promise<void> =>
  startAndPause(page, () => page.getByRole('button', { name: 'Start training' }).click());

async function resumeToTheEnd(page: Page): Promise<void> {
  await page.getByRole('group', { name: 'This run' }).getByRole('button', { name: 'Resume' }).click();
  await page.getByText(/^Done: loss/).waitFor({ timeout: STEP_MS });
}

describe('a project', () => {
  test('is made when something is put in it, and is the same after a reload', async () => {
    const { page, problems } = studio;
    await goTo(page, 'data');
    await page.getByRole('button', { name: /^A sea captain/ }).click();
    await expect.poll(() => factOf(page, 'Data'), { timeout: STEP_MS }).toMatch(/^Data\s+360 rows/);
    await page.getByRole('spinbutton', { name: 'Validation, %' }).fill('20');
    await page.getByRole('spinbutton', { name: 'Validation, %' }).blur();
    const held = page.locator('dt', { hasText: /^validation/ }).locator('xpath=following-sibling::dd');
    await expect.poll(() => held.innerText()).toBe('64');
    await page.getByRole('spinbutton', { name: 'Split seed' }).fill('7');
    await page.getByRole('spinbutton', { name: 'Split seed' }).blur();
    await goTo(page, 'task');
    await page.getByLabel('What should it do?').fill('Answer as a captain');
    await page.getByLabel('What does success look like?').fill('Ahoy in every answer');
    await page.getByLabel('What does success look like?').blur();
    await goTo(page, 'train');
    await openSettings(page);
    await page.getByRole('spinbutton', { name: 'Steps', exact: true }).fill('24');
    await page.getByRole('spinbutton', { name: 'Warm-up, steps' }).fill('2');
    await page.getByRole('spinbutton', { name: 'Validate every … steps' }).fill('0');
    await trainAndPause(page);

    await page.reload();
    await page.getByText(/^Paused at step/).waitFor({ timeout: STEP_MS });
    await expect.poll(() => brand(page)).toMatch(/A sea captain/);
    await goTo(page, 'data');
    await expect.poll(() => factOf(page, 'Data'), { timeout: STEP_MS }).toMatch(/^Data\s+360 rows/);
    await page.getByRole('heading', { name: /as the model sees it/ }).waitFor();
    await expect.poll(() => page.getByRole('spinbutton', { name: 'Validation, %' }).inputValue()).toBe('20');
    await expect.poll(() => page.getByRole('spinbutton', { name: 'Split seed' }).inputValue()).toBe('7');
    await goTo(page, 'task');
    await expect.poll(() => page.getByLabel('What should it do?').inputValue()).toBe('Answer as a captain');
    await expect
      .poll(() => page.getByLabel('What does success look like?').inputValue())
      .toBe('Ahoy in every answer');
    await goTo(page, 'train');
    await page.getByRole('button', { name: 'New run' }).click();
    await openSettings(page);
    await expect
      .poll(() => page.getByRole('spinbutton', { name: 'Steps', exact: true }).inputValue())
      .toBe('24');
    expect(problems).toEqual([]);
  });

  test('is one of several: begun, renamed, deleted, restored, opened where it was left', async () => {
    const { page, problems } = studio;
    await goTo(page, 'start');
    await projects(page).getByRole('button', { name: 'New project' }).click();
    await page.getByRole('button', { name: 'Paste' }).click();
    const rows = Array.from({ length: 20 }, (_, i) =>
      JSON.stringify({ prompt: `Say ${i}`, completion: ' yes' }),
    );
    await page.getByLabel('Rows', { exact: true }).fill(rows.join('\n'));
    await page.getByRole('button', { name: 'Read these rows' }).click();
    await expect.poll(() => factOf(page, 'Data'), { timeout: STEP_MS }).toMatch(/^Data\s+20 rows/);
    await expect.poll(() => brand(page)).toMatch(/pasted/);
    await expect.poll(() => factOf(page, 'Train')).toMatch(/ready/);

    await goTo(page, 'start');
    await expect.poll(() => projects(page).getByRole('listitem').count()).toBe(2);
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
    await expect.poll(() => factOf(page, 'Data'), { timeout: STEP_MS }).toMatch(/^Data\s+360 rows/);
    expect(problems).toEqual([]);
  });
});

test('every stage says after a reload that the project is being opened, until its contents are known', async () => {
  const { page, problems } = studio;
  const said = page.locator('main').getByRole('status');
  const { release } = await holdCalls(page, [EVERY_CALL, 'openProject', 'openData']);
  await page.reload();
  for (const stage of ['task', 'data', 'baseline', 'train', 'evaluate', 'use']) {
    await page.evaluate((to) => (location.hash = `#/${to}`), stage);
    await expect.poll(() => said.innerText()).toBe('Opening your project… looking for it in this browser');
    expect(await page.getByRole('navigation').innerText()).not.toMatch(/no |not |nothing|after a run/);
    expect(await page.locator('.doing').innerText()).toBe('Opening your project');
  }
  await release(EVERY_CALL);
  await expect
    .poll(() => said.innerText(), { timeout: STEP_MS })
    .toBe('Opening your project… A sea captain in the garden: its runs and results');
  await release('openProject');
  await goTo(page, 'evaluate');
  const empty = page.locator('main .empty');
  await expect
    .poll(() => empty.innerText(), { timeout: STEP_MS })
    .toBe('Opening your project… A sea captain in the garden: its rows');
  await expect.poll(() => factOf(page, 'Data')).toMatch(/opening 360 rows/);
  await expect.poll(() => factOf(page, 'Train')).toMatch(/paused, step/);
  await release('openData');
  await expect.poll(() => factOf(page, 'Data'), { timeout: STEP_MS }).toMatch(/^Data\s+360 rows/);
  await expect.poll(() => empty.count()).toBe(0);
  // A project opens where it was left.
  await goTo(page, 'train');
  expect(problems).toEqual([]);
});

describe('everything', () => {
  test('goes into one file, and another browser has all of it and resumes a run', async () => {
    const { page, problems } = studio;
    await page
      .getByRole('contentinfo')
      .getByRole('link', { name: /^Stored here/ })
      .click();
    await page.getByRole('heading', { level: 1, name: 'Storage' }).waitFor();
    const download = await downloadOf(page, () =>
      page.getByRole('button', { name: 'Export everything' }).click(),
    );
    const file = join(mkdtempSync(join(tmpdir(), 'graft-')), 'everything.zip');
    await download.saveAs(file);

    const other = await openStudio(browser, {
      viewport: { width: 1440, height: 900 },
      reducedMotion: 'reduce',
    });
    await goTo(other.page, 'storage');
    const importAll = async (): Promise<string> => {
      await other.page.getByLabel('Import an export').setInputFiles(file);
      await other.page.getByText(/^(Added|Nothing was added)/).waitFor({ timeout: STEP_MS });
      return other.page.getByRole('region', { name: 'Take it along' }).getByRole('status').innerText();
    };
    expect(await importAll()).toMatch(/^Added: 2 projects, 2 data sets, 1 run\b/);
    await goTo(other.page, 'start');
    await projects(other.page).getByRole('button', { name: 'Open A sea captain' }).click();
    await other.page.getByText(/^Paused at step/).waitFor({ timeout: STEP_MS });
    await expect.poll(() => factOf(other.page, 'Data'), { timeout: STEP_MS }).toMatch(/^Data\s+360 rows/);
    await resumeToTheEnd(other.page);
    await goTo(other.page, 'task');
    await expect
      .poll(() => other.page.getByLabel('What should it do?').inputValue())
      .toBe('Answer as a captain');

    // A second import overwrites nothing: the resumed run stays as it is.
    await goTo(other.page, 'storage');
    expect(await importAll()).toMatch(/^Nothing was added.*Project “.*” and 1 more: Here already/s);
    await other.page.getByLabel('Import an export').setInputFiles({
      name: 'not.zip',
      mimeType: 'application/zip',
      buffer: Buffer.from('no zip at all'),
    });
    await other.page.getByText(/not\.zip cannot be read/).waitFor();
    await other.page.getByRole('button', { name: 'Delete everything' }).click();
    await other.page.getByRole('button', { name: 'Delete everything for good' }).click();
    await other.page.getByRole('heading', { level: 1, name: /^Teach a small language model/ }).waitFor();
    expect([...problems, ...other.problems]).toEqual([]);
    await other.close();
  });

  test('has a page that is accessible', async () => {
    const { page } = studio;
    for (const place of ['start', 'storage']) {
      await goTo(page, place);
      expect(await inspect(page, `kept-${place}`)).toEqual([]);
    }
  });
});

/** Stores that version 1 did not have. */
const NEW_IN_2 = ['projectId', 'data'] as const;

describe('an older version', () => {
  test('opens with its database: its runs go to a first project, and a paused one resumes', async () => {
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
    expect(before).toEqual(expect.arrayContaining(['checkpoints: 1', 'rows: 1']));

    await page.goto(inject('address'));
    await projects(page).getByRole('button', { name: 'Open First project' }).click();
    await page.getByText(/^Paused at step/).waitFor({ timeout: STEP_MS });
    await resumeToTheEnd(page);
    await goTo(page, 'task');
    await expect.poll(() => page.getByLabel('What should it do?').inputValue()).toBe('An old task');
    await expect.poll(() => factOf(page, 'Use')).toMatch(/adapters? kept/);
    await goTo(page, 'start');
    await expect
      .poll(() => projects(page).getByRole('listitem').innerText())
      .toMatch(/Sprig.*1 run, 1 adapter\b/s);
    // The page that only shows a file has no icon.
    expect(studio.problems.filter((problem) => !/404/.test(problem))).toEqual([]);
  });
});
