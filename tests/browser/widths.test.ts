/**
 * Every stage from a small phone to a large screen, full: long names of everything, fourteen adapters, several runs, measurements. Nothing is cut,
 * covered or reached only by scrolling sideways.
 */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sprigAdapter, zipOf } from './adapter-files.ts';
import { closePages, openWide, type WatchedPage } from './chromium.ts';
import { cutOff } from './cut.ts';
import { factOf, goTo, openSettings, WAIT } from './looks.ts';

/** With the side line open, 1,100 to 1,280 px leave tables the least room before they are drawn as lists. */
const WIDTHS = [320, 360, 414, 600, 768, 1024, 1180, 1280, 1440, 1920];
const ADAPTERS = 14;
const NAMES = [
  'mails-of-the-year-before-last-which-somebody-labelled-by-hand-and-nobody-has-checked',
  'Unbroken_Name_Without_Any_Place_Where_A_Browser_Could_Break_It_v2_final',
];
const LABELS = ['question_about_an_invoice_that_was_paid_twice', 'other'];
const ROWS = Array.from({ length: 40 }, (_, i) => {
  const words =
    i % 4 === 0
      ? `https://example.com/${'without/any/space/'.repeat(4)}${'x'.repeat(60)}?row=${i}`
      : `Where is parcel ${i}?${' '.repeat(40)}It was sent\tlast week to the wrong house.`;
  return JSON.stringify({ prompt: words, completion: LABELS[i % 2] });
}).join('\n');

let studio: WatchedPage;
let page: Page;
beforeAll(async () => {
  studio = await openWide();
  ({ page } = studio);
});
afterAll(closePages);

const fileOf = (name: string, text: string) => ({
  name,
  mimeType: 'application/octet-stream',
  buffer: Buffer.from(text),
});
const train = async (name: string): Promise<void> => {
  await goTo(page, 'train');
  const again = page.getByRole('button', { name: 'New run' });
  if (await again.isVisible()) await again.click();
  await openSettings(page);
  await page.getByLabel('Name of the run', { exact: true }).fill(name);
  await page.getByLabel('Steps', { exact: true }).fill('4');
  await page.getByLabel('Warm-up, steps', { exact: true }).fill('1');
  await page.getByRole('button', { name: 'Start training' }).click();
  await page.getByText(/^Done: loss/).waitFor(WAIT);
};

/** What is cut at any width, with the widths. Everything that folds is unfolded. */
async function cut(): Promise<string[]> {
  await page.evaluate(() => {
    for (const details of document.querySelectorAll<HTMLDetailsElement>('main details')) details.open = true;
  });
  const found: string[] = [];
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: width < 800 ? 780 : 900 });
    // Charts follow the size of the window a frame later.
    await page.evaluate(
      () => new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen))),
    );
    found.push(...(await cutOff(page)).map((what) => `${width}: ${what}`));
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  return found;
}

test('the question about the columns of a table is whole, with long names of columns', async () => {
  await goTo(page, 'data');
  const columns = [NAMES[1], 'Antwort der Kundenbetreuung auf die Beschwerde', ...'abcdefgh'];
  const lines = Array.from({ length: 12 }, (_, i) => columns.map((name) => `${name} ${i}`).join(';'));
  await page
    .getByLabel('Open a file')
    .setInputFiles(fileOf(`${NAMES[0]}.csv`, [columns.join(';'), ...lines].join('\n')));
  await page.getByRole('button', { name: 'Read these columns' }).waitFor(WAIT);
  expect(await cut()).toEqual([]);
  await page.getByRole('button', { name: 'Cancel' }).click();
});

test('rows are whole, and so are the tokens of one with long words and many spaces', async () => {
  await page.getByLabel('Open a file').setInputFiles(fileOf(`${NAMES[0]}.jsonl`, `${ROWS}\nnot a row`));
  await page.getByRole('heading', { name: '41 rows', exact: true }).waitFor(WAIT);
  expect(await cut()).toEqual([]);
  await page.getByRole('listbox', { name: 'All rows' }).getByRole('option').nth(1).click();
  await page.getByRole('heading', { name: 'Line 2, as the model sees it' }).waitFor();
  await page.getByLabel('Add a file').setInputFiles(fileOf(`${NAMES[1]}.jsonl`, ROWS));
  await page.getByRole('heading', { name: /^Use Unbroken/ }).waitFor();
  expect(await cut()).toEqual([]);
  await page.getByRole('button', { name: 'Do not open it' }).click();
});

test('the form of a run is whole, with every setting and every method, and so are runs with long names', async () => {
  await goTo(page, 'train');
  await openSettings(page);
  await page.getByRole('button', { name: 'Start training' }).waitFor();
  expect(await cut()).toEqual([]);
  await train(NAMES[0]);
  await train(NAMES[1]);
  await page.getByRole('button', { name: /^Overlay / }).click();
  await page.getByRole('button', { name: /^Overlaid/ }).waitFor();
  expect(await cut()).toEqual([]);
});

test('measurements are whole, with every column and with two adapters', async () => {
  await goTo(page, 'baseline');
  await page.getByLabel('Rows', { exact: true }).fill('2');
  await page.getByRole('button', { name: 'Measure every method' }).click();
  await page.getByRole('table', { name: /Methods without tuning/ }).waitFor(WAIT);
  expect(await cut()).toEqual([]);
  await goTo(page, 'evaluate');
  await page.getByLabel('A second adapter').selectOption({ index: 2 });
  await page.getByLabel('Rows', { exact: true }).fill('2');
  await page.getByRole('button', { name: 'Measure every method' }).click();
  await page.getByRole('table', { name: /^Methods on the same rows/ }).waitFor(WAIT);
  await page.getByRole('button', { name: 'Measure again' }).waitFor(WAIT);
  await page.getByLabel('How many to ask').fill('2');
  await page.getByRole('button', { name: /^Measure all (on the same rows|again)$/ }).click();
  await page.getByText(/General text and prompts are always/).waitFor({ timeout: 240_000 });
  await expect.poll(() => page.getByRole('button', { name: 'Stop' }).count(), { timeout: 240_000 }).toBe(0);
  expect(await cut()).toEqual([]);
});

test('the chat and the library are whole, with fourteen adapters', async () => {
  await goTo(page, 'use');
  const zips = Array.from({ length: ADAPTERS - 2 }, async (_, i) => ({
    ...fileOf(`${NAMES[i % 2]}-${i}.zip`, ''),
    buffer: Buffer.from(zipOf(await sprigAdapter(i))),
  }));
  await page.getByLabel('Import a zip').setInputFiles(await Promise.all(zips));
  await expect.poll(() => factOf(page, 'Use'), { timeout: 240_000 }).toContain(`${ADAPTERS} adapters`);
  await page.getByLabel('Prompt for both').fill('Where is my parcel?');
  await page.getByRole('button', { name: 'Ask both', exact: true }).click();
  await expect.poll(() => page.getByText(/tokens\/s/).count(), WAIT).toBe(2);
  await page.getByRole('button', { name: 'Show the probabilities' }).first().click();
  await page
    .getByRole('button', { name: /^Other formats of/ })
    .first()
    .click();
  expect(await cut()).toEqual([]);
});

test('Home, the task, the storage, the benchmark and the guide are whole', async () => {
  for (const place of ['start', 'task', 'storage', 'benchmark', 'guide']) {
    await goTo(page, place);
    await page.waitForLoadState('networkidle');
    expect((await cut()).map((what) => `${place}, ${what}`)).toEqual([]);
  }
  expect(studio.problems).toEqual([]);
});
