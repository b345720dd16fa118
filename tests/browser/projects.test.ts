/** Several projects in the production build: what is done in one stays in it. The tests share a profile and build on each other. */
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchChromium, openStudio, type WatchedPage } from './chromium.ts';
import { factOf, goTo, WAIT } from './looks.ts';

/** Enough that reading them outlasts a few presses. */
const MANY = 40_000;

let browser: Browser;
let studio: WatchedPage;
let page: Page;
let projects: Locator;
beforeAll(async () => {
  browser = await launchChromium();
  studio = await openStudio(browser, { viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' });
  ({ page } = studio);
  projects = page.getByRole('region', { name: 'Projects' });
});
afterAll(() => browser.close());

const brand = (): Promise<string> => page.getByRole('banner').getByRole('link').first().innerText();
const rows = (count: number): Buffer =>
  Buffer.from(`prompt,completion\n${Array.from({ length: count }, (_, i) => `Say ${i},yes`).join('\n')}`);

const choose = (name: string, count: number): Promise<void> =>
  page
    .locator('input[type=file][accept*=".csv"]')
    .setInputFiles({ name, mimeType: 'text/csv', buffer: rows(count) });

/** A project of its own for a file of so many rows. */
async function make(name: string, count: number): Promise<void> {
  await choose(`${name}.csv`, count);
  await expect.poll(() => factOf(page, 'Data'), WAIT).toContain(`${count} rows`);
  await expect.poll(brand).toContain(name);
  await goTo(page, 'start');
}

async function begin(): Promise<void> {
  await goTo(page, 'start');
  await projects.getByRole('button', { name: 'New project' }).click();
  await page.getByRole('heading', { level: 1, name: 'Data' }).waitFor();
}

async function open(name: string): Promise<void> {
  await goTo(page, 'start');
  await projects.getByRole('button', { name: `Open ${name}` }).click();
  await page.locator('main h1').filter({ hasNotText: 'Projects' }).first().waitFor();
}

/** Begins to read many rows. */
async function readMany(name: string): Promise<void> {
  await goTo(page, 'data');
  await choose(name, MANY);
  await page.getByRole('button', { name: 'Stop' }).waitFor(WAIT);
}

/** What each project has, as its row says it. */
const kept = async (): Promise<string[]> => {
  await goTo(page, 'start');
  const texts = await projects.getByRole('listitem').locator('.facts').allInnerTexts();
  return texts.map((text) => /\d+ rows? of \S+|no rows yet/.exec(text)?.[0] ?? text).sort();
};

describe('rows that are read', () => {
  test('make a project each', async () => {
    await goTo(page, 'data');
    await make('first', 20);
    await begin();
    await make('second', 12);
  });

  test('do not come into the project that is opened meanwhile', async () => {
    await open('first');
    await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/20 rows/);
    await readMany('many.csv');
    await open('second');
    // These are read behind the others: when they are here, nothing can follow.
    await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/12 rows/);
    await page.reload();
    await expect.poll(brand, WAIT).toContain('second');
    await goTo(page, 'data');
    await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/12 rows/);
    await expect.poll(kept).toEqual(['12 rows of second.csv', '20 rows of first.csv']);
    expect(studio.problems).toEqual([]);
  });

  test('make no project once another one is open', async () => {
    await begin();
    await readMany('many.csv');
    await open('first');
    await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/20 rows/);
    await page.reload();
    await expect.poll(kept, WAIT).toEqual(['12 rows of second.csv', '20 rows of first.csv']);
    expect(studio.problems).toEqual([]);
  });
});

// At the end: the run goes on until the browser is closed.
test('rows that are read give way to a sample that is tuned on', async () => {
  await begin();
  await readMany('many.csv');
  await goTo(page, 'start');
  await page.getByRole('button', { name: /^Tune a model now/ }).click();
  await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/360 rows/);
  await expect.poll(() => factOf(page, 'Train'), WAIT).toMatch(/step \d+ of/);
  expect(await factOf(page, 'Data')).toMatch(/360 rows/);
  expect(studio.problems).toEqual([]);
});
