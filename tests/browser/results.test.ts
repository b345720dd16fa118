/**
 * Measurements and answers stay with their project: after a reload and in an export. They say when they are out of date. The tests share a
 * profile and build on each other.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { contentParts, hashOf } from '../../src/model/content.ts';
import { sprigFolder } from '../engine/sprig.ts';
import { closeContexts, openChromium, openStudio, type WatchedPage } from './chromium.ts';
import { axe, downloadOf, factOf, goTo, openSettings, PICTURES, WAIT } from './looks.ts';

/** The fingerprint of the bundled model when the database was made. */
const EARLIER_WEIGHTS = '5971fc3fdd8c9d6659224a46f61f6364c5f86aea16131827ea95ab0803c4cafe';
const DATABASE_2 = join(import.meta.dirname, '../fixtures/databases/version-2.json.gz');

let browser: Browser;
let studio: WatchedPage;
let page: Page;
let scratch: string;
beforeAll(async () => {
  mkdirSync(PICTURES, { recursive: true });
  scratch = mkdtempSync(join(tmpdir(), 'graft-results-'));
  browser = await openChromium();
  studio = await openStudio(browser, { viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' });
  ({ page } = studio);
});
afterAll(async () => {
  await closeContexts(browser);
  rmSync(scratch, { recursive: true, force: true });
});

const projects = (of: Page): Locator => of.getByRole('region', { name: 'Projects' });

/** What a person reads of the results, place by place. */
async function told(of: Page): Promise<Record<string, string>> {
  await goTo(of, 'baseline');
  await of.getByRole('table', { name: /Methods without tuning/ }).waitFor(WAIT);
  const methods = await of.getByRole('table', { name: /Methods without tuning/ }).innerText();
  const baseline = await of.getByRole('region', { name: 'What it answers' }).innerText();
  const examples = (await of.locator('details', { hasText: 'The 2 examples' }).textContent()) ?? '';
  await goTo(of, 'evaluate');
  const verdict = await of.locator('h1').innerText();
  const scores = await of.getByRole('table', { name: /^Methods on the same rows/ }).innerText();
  const answers = await of.getByRole('region', { name: 'The answers, side by side' }).innerText();
  await goTo(of, 'use');
  const chat = (await of.getByRole('article').allInnerTexts()).join('\n');
  await of.getByText('Sampling', { exact: false }).first().click();
  const temperature = await of.getByLabel('Temperature', { exact: true }).inputValue();
  const sides = [
    await of.getByLabel('Left side').inputValue(),
    await of.getByLabel('Right side').inputValue(),
  ].join();
  const facts = `${await factOf(of, 'Baseline')} ${await factOf(of, 'Evaluate')}`;
  return { methods, baseline, examples, verdict, scores, answers, chat, temperature, sides, facts };
}

/** Rows of the open project's results in the database. */
const keptKinds = (of: Page): Promise<string[]> =>
  of.evaluate(
    () =>
      new Promise<string[]>((resolve, reject) => {
        const opening = indexedDB.open('graft');
        opening.onerror = () => reject(opening.error!);
        opening.onsuccess = () => {
          const keys = opening.result.transaction('results').objectStore('results').getAllKeys();
          keys.onsuccess = () => {
            opening.result.close();
            resolve(keys.result.map((key) => (key as string[])[1]).sort());
          };
        };
      }),
  );

let before: Record<string, string>;

test('measurements and answers are the same after a reload, word for word', async () => {
  await goTo(page, 'data');
  await page.getByRole('button', { name: /^A sea captain/ }).click();
  await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/^Data\s+360 rows/);
  await goTo(page, 'baseline');
  await page.getByLabel('Rows').fill('3');
  await page.getByLabel('Examples before each question').fill('2');
  await page.getByRole('button', { name: 'Measure every method' }).click();
  await page.getByRole('table', { name: /Methods without tuning/ }).waitFor(WAIT);
  await page.getByText('The 2 examples').waitFor();
  await goTo(page, 'train');
  await openSettings(page);
  await page.getByLabel('Steps', { exact: true }).fill('6');
  await page.getByLabel('Warm-up, steps', { exact: true }).fill('1');
  await page.getByLabel('Validate every … steps', { exact: true }).fill('0');
  await page.getByRole('button', { name: 'Start training' }).click();
  await page.getByText(/^Done: loss/).waitFor(WAIT);
  await goTo(page, 'evaluate');
  await page.getByLabel('Rows').fill('3');
  await page.getByRole('button', { name: 'Measure every method' }).click();
  await page.getByRole('table', { name: /^Methods on the same rows/ }).waitFor(WAIT);
  await goTo(page, 'use');
  await page.getByText('Sampling', { exact: false }).first().click();
  await page.getByLabel('Temperature', { exact: true }).fill('0.7');
  await page.getByLabel('Maximum new tokens', { exact: true }).fill('12');
  for (const [turn, prompt] of ['Where is the rake?', 'And the pond?'].entries()) {
    await page.getByLabel('Prompt for both').fill(prompt);
    await page.keyboard.press('Enter');
    await expect.poll(() => page.getByText(/tokens\/s/).count(), WAIT).toBe(2 * (turn + 1));
  }
  // The adapter learnt from single questions, so the first one does not stand before the second.
  await page.getByText('because the adapter was trained on single questions').waitFor();
  await page.getByRole('button', { name: 'Show the prompt' }).last().click();
  const given = await page.getByRole('group', { name: 'Prompt, Both sides' }).innerText();
  expect(given).toMatch(/And the pond\?/);
  expect(given.match(/<\|im_start\|>user/g)).toHaveLength(1);
  await page.getByRole('button', { name: 'Hide the prompt' }).click();
  await page.getByText('Sampling', { exact: false }).first().click();
  // Both answers are kept by then.
  await page.getByRole('button', { name: 'Ask both', exact: true }).waitFor(WAIT);
  before = await told(page);
  expect(before['facts']).not.toMatch(/out of date/);
  expect(before['temperature']).toBe('0.7');
  expect(before['chat']).toMatch(/Where is the rake\?.*And the pond\?/s);

  await page.reload();
  await page.locator('h1').first().waitFor();
  await expect.poll(() => told(page), WAIT).toEqual(before);
  // The probabilities of the last answers are kept, too, and the conversation goes on from what was said.
  await page.getByRole('button', { name: 'Show the probabilities' }).first().click();
  await page.getByRole('toolbar', { name: 'Tokens of the answer, Base model' }).waitFor();
  await page.getByRole('button', { name: 'Show the answer' }).first().click();
  await expect.poll(() => keptKinds(page)).toEqual(['baseline', 'chat', 'evaluation', 'looks']);
  expect(studio.problems).toEqual([]);
});

test('the page says what changed since a measurement, until it is changed back', async () => {
  await goTo(page, 'evaluate');
  const outOfDate = page.locator('main').getByText(/^Out of date/);
  await expect.poll(() => outOfDate.count()).toBe(0);
  await expect
    .poll(() => page.getByText(/^Measured .* with Sprig on A sea captain.*, version/).count())
    .toBe(1);
  await goTo(page, 'data');
  await page.getByRole('button', { name: 'Unlock the test part' }).click();
  const seed = page.getByRole('spinbutton', { name: 'Split seed' });
  await seed.fill('7');
  await seed.blur();
  await expect.poll(() => factOf(page, 'Baseline'), WAIT).toMatch(/out of date/);
  for (const place of ['baseline', 'evaluate']) {
    await goTo(page, place);
    await expect.poll(() => outOfDate.first().innerText()).toMatch(/truncated or split differently/);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      for (const width of [1440, 360]) {
        await page.setViewportSize({ width, height: 900 });
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
        await page.screenshot({
          path: join(PICTURES, `results-${place}-${colorScheme}-${width}.png`),
          fullPage: true,
        });
      }
      expect(await axe(page)).toEqual([]);
    }
    await page.setViewportSize({ width: 1440, height: 900 });
  }
  await goTo(page, 'data');
  await seed.fill('42');
  await seed.blur();
  await expect.poll(() => factOf(page, 'Baseline'), WAIT).not.toMatch(/out of date/);

  await goTo(page, 'use');
  const library = page.getByRole('region', { name: 'Adapters', exact: true });
  await library.getByRole('button', { name: /^Delete voice/ }).click();
  await expect.poll(() => factOf(page, 'Evaluate')).toMatch(/out of date/);
  const answers = (await page.getByRole('article').allInnerTexts()).join('\n');
  expect(answers.match(/Out of date: The adapter “voice 1” is deleted/g)).toHaveLength(2);
  await library.getByRole('button', { name: 'Bring it back' }).click();
  await expect.poll(() => factOf(page, 'Evaluate')).not.toMatch(/out of date/);
  expect(studio.problems).toEqual([]);
});

test('another project has no results of this one, and a restored project has all of its own', async () => {
  await goTo(page, 'start');
  await projects(page).getByRole('button', { name: 'New project' }).click();
  // It opens at its data.
  await page.getByRole('heading', { level: 1, name: 'Data' }).waitFor(WAIT);
  await expect.poll(() => factOf(page, 'Baseline')).toMatch(/not measured yet/);
  await goTo(page, 'use');
  await expect.poll(() => page.getByRole('article').count()).toBe(0);
  // A conversation alone makes a project.
  await page.getByLabel('Prompt for both').fill('Is anybody there?');
  await page.keyboard.press('Enter');
  await expect.poll(() => page.getByText(/tokens\/s/).count(), WAIT).toBe(2);
  await goTo(page, 'start');
  await projects(page).getByRole('button', { name: 'Delete Is anybody there?' }).click();
  await projects(page).getByRole('button', { name: 'Bring it back' }).click();
  await projects(page).getByRole('button', { name: 'Open Is anybody there?' }).click();
  await page.getByRole('heading', { level: 1, name: 'Use' }).waitFor();
  await expect.poll(() => page.getByRole('article').innerText()).toMatch(/Is anybody there\?/);
  await goTo(page, 'start');
  await projects(page).getByRole('button', { name: 'Open A sea captain' }).click();
  await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/^Data\s+360 rows/);
  await expect.poll(() => told(page), WAIT).toEqual(before);
  await goTo(page, 'start');
  await projects(page).getByRole('button', { name: 'Delete Is anybody there?' }).click();
  await projects(page).getByRole('button', { name: 'Bring it back' }).waitFor();
  await page.reload();
  await projects(page).getByRole('button', { name: 'Open A sea captain' }).waitFor();
  await expect.poll(() => keptKinds(page), WAIT).toEqual(['baseline', 'chat', 'evaluation', 'looks']);
  expect(studio.problems).toEqual([]);
});

test('an export of everything has the results, and another browser imports them', async () => {
  await goTo(page, 'storage');
  const download = await downloadOf(page, () =>
    page.getByRole('button', { name: 'Export everything' }).click(),
  );
  const file = join(scratch, 'everything.zip');
  await download.saveAs(file);
  const other = await openStudio(browser, {
    viewport: { width: 1440, height: 900 },
    reducedMotion: 'reduce',
  });
  await goTo(other.page, 'storage');
  await other.page.getByLabel('Import an export').setInputFiles(file);
  const report = other.page.getByRole('region', { name: 'Take it along' }).getByRole('status');
  await other.page.getByText(/^Added/).waitFor(WAIT);
  await expect.poll(() => report.innerText()).toMatch(/4 results/);
  await goTo(other.page, 'start');
  await projects(other.page).getByRole('button', { name: 'Open A sea captain' }).click();
  await expect.poll(() => factOf(other.page, 'Data'), WAIT).toMatch(/^Data\s+360 rows/);
  await expect.poll(() => told(other.page), WAIT).toEqual(before);
  await goTo(other.page, 'storage');
  await other.page.getByLabel('Import an export').setInputFiles(file);
  await other.page.getByText(/^Nothing was added/).waitFor(WAIT);
  await expect.poll(() => report.innerText()).toMatch(/ and 3 more:\s+The project has one already/);
  expect([...studio.problems, ...other.problems]).toEqual([]);
  await other.close();
});

interface Dump {
  readonly version: number;
  readonly stores: readonly {
    readonly name: string;
    readonly keyPath: string | string[] | null;
    readonly indexes: readonly [string, string][];
    readonly entries: readonly [string | string[], unknown][];
  }[];
}

test('a database of version 2 opens: its paused run resumes, and it keeps results', async () => {
  const other = await openStudio(browser, {
    viewport: { width: 1440, height: 900 },
    reducedMotion: 'reduce',
  });
  // A page without a worker, so that nobody holds the database.
  await other.page.goto(new URL('samples/index.json', inject('address')).href);
  // Its runs are of earlier weights of the bundled model, which no run continues with: here they are of today's.
  const today = await hashOf(await contentParts(sprigFolder()), 'f32');
  const text = gunzipSync(readFileSync(DATABASE_2)).toString().replaceAll(EARLIER_WEIGHTS, today);
  const dump = JSON.parse(text, (key, value: unknown) =>
    key === '$bytes'
      ? Buffer.from(value as string, 'base64')
          .toString('latin1')
          .replaceAll(EARLIER_WEIGHTS, today)
      : value,
  ) as Dump;
  await other.page.evaluate(async ({ version, stores }) => {
    const done = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error!);
      });
    const unpack = (value: unknown): unknown => {
      if (typeof value !== 'object' || value === null) return value;
      if (Array.isArray(value)) return value.map(unpack);
      if ('$bytes' in value) return Uint8Array.from(value.$bytes as string, (c) => c.charCodeAt(0));
      return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, unpack(part)]));
    };
    await done(indexedDB.deleteDatabase('graft'));
    const opening = indexedDB.open('graft', version);
    opening.onupgradeneeded = () => {
      for (const { name, keyPath, indexes } of stores) {
        const store = opening.result.createObjectStore(name, { keyPath });
        for (const [index, path] of indexes) store.createIndex(index, path);
      }
    };
    const old = await done(opening);
    for (const { name, keyPath, entries } of stores)
      for (const [key, value] of entries)
        await done(
          old
            .transaction(name, 'readwrite')
            .objectStore(name)
            .put(unpack(value), keyPath === null ? key : undefined),
        );
    old.close();
  }, dump);

  await other.page.goto(inject('address'));
  await projects(other.page).getByRole('button', { name: 'Open Say yes' }).click();
  await other.page.getByText(/^Paused at step 3/).waitFor(WAIT);
  // It can go on, so that three steps are not judged above the curve; nor do they take room there.
  const place = other.page.locator('.head .place');
  expect(await place.innerText()).toBe('');
  expect(await place.evaluate((element) => element.getBoundingClientRect().height)).toBe(0);
  // Its run has a summary now, and its curve was read.
  await other.page
    .getByRole('region', { name: 'Table of runs' })
    .getByText('too short to tell')
    .first()
    .waitFor(WAIT);
  await other.page.getByRole('group', { name: 'This run' }).getByRole('button', { name: 'Resume' }).click();
  await other.page.getByText(/^Done: loss/).waitFor(WAIT);
  await goTo(other.page, 'task');
  await expect.poll(() => other.page.getByLabel('What should it do?').inputValue()).toBe('Say yes');
  await expect.poll(() => factOf(other.page, 'Use')).toMatch(/2 adapters kept/);
  await goTo(other.page, 'baseline');
  await other.page.getByRole('button', { name: 'Measure every method' }).click();
  await other.page.getByRole('table', { name: /Methods without tuning/ }).waitFor(WAIT);
  await other.page.reload();
  await other.page.getByRole('table', { name: /Methods without tuning/ }).waitFor(WAIT);
  await expect.poll(() => factOf(other.page, 'Baseline')).not.toMatch(/not measured|out of date/);
  // The page that only shows a file has no icon, and what the first page still loaded was given up.
  expect(other.problems.filter((problem) => !/404|ERR_ABORTED/.test(problem))).toEqual([]);
  await other.close();
});
