/** Several projects in the production build: what is done in one stays in it. The tests share a profile and build on each other. */
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closeContexts, openChromium, openStudio, type WatchedPage } from './chromium.ts';
import { factOf, goTo, WAIT } from './looks.ts';

/** Enough that reading them outlasts a few presses. */
const MANY = 40_000;

let browser: Browser;
let studio: WatchedPage;
let page: Page;
let projects: Locator;
beforeAll(async () => {
  browser = await openChromium();
  studio = await openStudio(browser, { viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' });
  ({ page } = studio);
  projects = page.getByRole('region', { name: 'Projects' });
});
afterAll(() => closeContexts(browser));

const brand = (): Promise<string> => page.getByRole('banner').getByRole('link').first().innerText();
const rows = (count: number): Buffer =>
  Buffer.from(`prompt,completion\n${Array.from({ length: count }, (_, i) => `Say ${i},yes`).join('\n')}`);

const choose = (name: string, count: number): Promise<void> =>
  page.getByLabel('Open a file').setInputFiles({ name, mimeType: 'text/csv', buffer: rows(count) });

/** A project of its own for a file of so many rows. */
async function make(name: string, count: number): Promise<void> {
  await choose(`${name}.csv`, count);
  await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(new RegExp(`^Data\\s+${count} rows`));
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
  test('each make a project, and a row that is being written is not taken to the next one', async () => {
    await goTo(page, 'data');
    await make('first', 20);
    await goTo(page, 'data');
    const write = page.getByRole('button', { name: 'Write rows' });
    const prompt = page.getByRole('region', { name: 'Write rows' }).getByLabel('Prompt', { exact: true });
    await write.click();
    await prompt.fill('half of a');
    await begin();
    await expect.poll(() => write.getAttribute('aria-expanded')).toBe('false');
    await write.click();
    expect(await prompt.inputValue()).toBe('');
    await write.click();
    await make('second', 12);
  });

  test('do not land in the project that is opened meanwhile', async () => {
    await open('first');
    await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/^Data\s+20 rows/);
    await goTo(page, 'data');
    await choose('many.csv', MANY);
    await page.getByRole('button', { name: 'Training rows', exact: true }).click();
    await page.getByRole('button', { name: 'Stop' }).waitFor(WAIT);
    await open('second');
    // These are read behind the others: when they are here, nothing can follow.
    await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/^Data\s+12 rows/);
    await page.reload();
    await expect.poll(brand, WAIT).toContain('second');
    await goTo(page, 'data');
    await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/^Data\s+12 rows/);
    await expect.poll(kept).toEqual(['12 rows of second.csv', '20 rows of first.csv']);
    expect(studio.problems).toEqual([]);
  });

  test('make no project once another one is open', async () => {
    await begin();
    await readMany('many.csv');
    await open('first');
    await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/^Data\s+20 rows/);
    await page.reload();
    await expect.poll(kept, WAIT).toEqual(['12 rows of second.csv', '20 rows of first.csv']);
    expect(studio.problems).toEqual([]);
  });
});

/** What the keyboard is at, as it is called. */
const focused = (): Promise<string> =>
  page.evaluate(() => {
    const at = document.activeElement;
    return at?.getAttribute('aria-label') ?? at?.textContent?.trim() ?? '';
  });

/** Names, in the order of the list. */
const names = (): Promise<string[]> => projects.locator('.name b').allInnerTexts();

describe('a project', () => {
  test('is the only one deleted: a second press at the same place does not delete the next one', async () => {
    await begin();
    await make('third', 8);
    await expect.poll(async () => (await names()).length).toBe(3);
    const before = await names();
    const box = (await projects.getByRole('button', { name: `Delete ${before[0]}` }).boundingBox())!;
    const press = (): Promise<void> => page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    await press();
    await projects.getByText(`“${before[0]}” is deleted`).waitFor();
    await press();
    // Nothing is to happen: there is nothing to wait for but what a deletion takes.
    await page.waitForTimeout(500);
    expect(await names()).toEqual(before.slice(1));
    await projects.getByRole('button', { name: `Bring it back: ${before[0]}` }).click();
    await expect.poll(names).toEqual(before);
  });

  test('is restored by keyboard, whichever was deleted after it', async () => {
    for (const name of ['first.csv', 'second.csv']) {
      await projects.getByRole('button', { name: `Delete ${name}` }).focus();
      await page.keyboard.press('Enter');
      await expect.poll(focused).toBe(`Bring it back: ${name}`);
    }
    for (const name of ['first.csv', 'second.csv']) {
      await projects.getByRole('button', { name: `Bring it back: ${name}` }).focus();
      await page.keyboard.press('Enter');
      await expect.poll(focused).toMatch(new RegExp(`^${name}\\s`));
    }
    await expect.poll(kept).toEqual(['12 rows of second.csv', '20 rows of first.csv', '8 rows of third.csv']);
    expect(studio.problems).toEqual([]);
  });

  test('keeps its name on Escape, and takes the new one on Enter', async () => {
    const field = projects.getByLabel('Name of the project');
    await projects.getByRole('button', { name: 'Rename second.csv' }).click();
    await field.fill('not this');
    await page.keyboard.press('Escape');
    await expect.poll(focused).toBe('Rename second.csv');
    await page.keyboard.press('Enter');
    await field.fill('runner-up');
    await page.keyboard.press('Enter');
    await expect.poll(focused).toBe('Rename runner-up');
    await expect.poll(async () => (await names()).sort()).toEqual(['first.csv', 'runner-up', 'third.csv']);
    await page.reload();
    await expect.poll(async () => (await names()).sort()).toEqual(['first.csv', 'runner-up', 'third.csv']);
  });

  test('is still open after a reload if it is new and empty', async () => {
    await begin();
    await expect.poll(brand).toMatch(/^Graft/);
    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Data' }).waitFor();
    await page.getByRole('heading', { name: 'What a row looks like' }).waitFor();
    await goTo(page, 'start');
    await expect.poll(() => projects.getByRole('listitem').count()).toBe(3);
    expect(await brand()).toMatch(/^Graft/);
    expect(studio.problems).toEqual([]);
  });
});

test('reading rows stops when a sample is tuned', async () => {
  await begin();
  await readMany('many.csv');
  await goTo(page, 'start');
  await page.getByRole('button', { name: /^Tune a model now/ }).click();
  await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/^Data\s+360 rows/);
  await expect.poll(() => factOf(page, 'Train'), WAIT).toMatch(/step \d+ of/);
  expect(await factOf(page, 'Data')).toMatch(/^Data\s+360 rows/);
  expect(studio.problems).toEqual([]);
});

test('the focus has a place after the only run is deleted', async () => {
  await goTo(page, 'train');
  await page.getByRole('button', { name: 'Discard' }).click(WAIT);
  await page.getByRole('button', { name: 'Discard for good' }).click(WAIT);
  const runs = page.getByRole('region', { name: 'Runs', exact: true });
  await runs.getByRole('button', { name: /^Delete / }).focus(WAIT);
  await page.keyboard.press('Enter');
  await runs.getByRole('button', { name: 'Delete for good' }).focus();
  await page.keyboard.press('Enter');
  await expect.poll(() => runs.count()).toBe(0);
  await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe('H1');
  expect(studio.problems).toEqual([]);
});

test('a default name follows the rows, and a chosen name stays', async () => {
  const replace = async (name: string, count: number): Promise<void> => {
    await goTo(page, 'data');
    await choose(name, count);
    await page.getByRole('button', { name: 'Training rows', exact: true }).click();
    await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(new RegExp(`^Data\\s+${count} rows`));
  };
  await begin();
  await choose('draft.csv', 30);
  await expect.poll(brand).toContain('draft.csv');
  await replace('final.csv', 40);
  await expect.poll(brand).toContain('final.csv');
  await goTo(page, 'start');
  await projects.getByRole('button', { name: 'Rename final.csv' }).click();
  await projects.getByLabel('Name of the project').fill('chosen');
  await page.keyboard.press('Enter');
  await expect.poll(brand).toContain('chosen');
  await replace('later.csv', 50);
  expect(await brand()).toContain('chosen');
  expect(studio.problems).toEqual([]);
});

test('a project of a name that another has gets a number, however it gets that name', async () => {
  const readTwin = async (name: string): Promise<void> => {
    await begin();
    await choose('twin.csv', 30);
    await expect.poll(brand, WAIT).toContain(name);
  };
  await readTwin('twin.csv');
  await readTwin('twin.csv 2');
  await goTo(page, 'start');
  await projects.getByRole('button', { name: 'Rename twin.csv 2' }).click();
  await projects.getByLabel('Name of the project').fill('twin.csv');
  await page.keyboard.press('Enter');
  await expect.poll(brand).toContain('twin.csv 2');
  await expect
    .poll(async () => (await names()).filter((name) => name.startsWith('twin')).sort())
    .toEqual(['twin.csv', 'twin.csv 2']);
  expect(studio.problems).toEqual([]);
});
