/** Continued pre-training on plain text, from the file to perplexity on held-out text beside that on general text, and what was forgotten. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closePages, openWide, type WatchedPage } from './chromium.ts';
import { goTo, inspect, openSettings, WAIT } from './looks.ts';

const TEXT = readFileSync(join(import.meta.dirname, '../../public/texts/general.txt'));

let studio: WatchedPage;
let page: Page;
beforeAll(async () => {
  studio = await openWide({ permissions: ['clipboard-read', 'clipboard-write'] });
  ({ page } = studio);
});
afterAll(closePages);

test('a text file is cut at the borders of its documents', async () => {
  await goTo(page, 'data');
  await page
    .getByLabel('Open a file')
    .setInputFiles({ name: 'field.md', mimeType: 'text/markdown', buffer: TEXT });
  const text = page.getByRole('region', { name: /^Text\b/ });
  await text.waitFor(WAIT);
  const rows = (): Promise<string> => page.getByRole('heading', { name: /^\d+ rows?$/ }).innerText();
  const whole = await rows();
  // Rows of one document say which lines they come from.
  const title = page.getByRole('heading', { name: /as the model sees it/ });
  await expect.poll(() => title.innerText()).toMatch(/^Lines 1 to \d+, as/);
  await page.getByRole('button', { name: 'Next row' }).click();
  await expect.poll(() => title.innerText()).toMatch(/^Lines? ([2-9]|\d\d+)\b.*, as/);
  await text.getByLabel('Document boundary').selectOption('a line of my own');
  await text.getByText('No line of field.md is “---”: it is read as one document.').waitFor(WAIT);
  await text.getByLabel('Document boundary').selectOption('blank lines');
  // Eight paragraphs, each of at most a row.
  await expect.poll(rows, WAIT).toBe('8 rows');
  expect(whole).not.toBe('8 rows');
  await text.getByLabel('Rows', { exact: true }).selectOption('packed, documents end to end');
  await expect.poll(rows, WAIT).toBe(whole);
  await page.getByLabel('Maximum length, tokens per row').fill('64');
  await page.getByLabel('Maximum length, tokens per row').press('Enter');
  await expect.poll(rows, WAIT).not.toBe(whole);
  await text.getByLabel('Rows', { exact: true }).selectOption('one document each');
  await text.getByLabel('Overlap, tokens').fill('8');
  await text.getByLabel('Overlap, tokens').press('Enter');
  await expect.poll(() => page.getByLabel('Overlap, tokens').inputValue()).toBe('8');
  expect(await inspect(page, 'text')).toEqual([]);
});

test('a run says what it forgot, and shows the command that repeats it', async () => {
  await goTo(page, 'train');
  // On so few rows the shortest preset is the same as the usual one.
  await expect.poll(() => page.getByRole('radio', { name: /^Balanced/ }).isChecked()).toBe(true);
  await page.getByLabel('Measure forgetting').check();
  await openSettings(page);
  await page.getByLabel('Steps', { exact: true }).fill('6');
  await page.getByLabel('Warm-up, steps', { exact: true }).fill('0');
  await page.getByRole('button', { name: 'Start training' }).click();
  await page.getByRole('button', { name: 'New run' }).waitFor({ timeout: 240_000 });
  await page.getByText(/The loss on general text is .+: 0\.70\d+ → \d\.\d+/).waitFor(WAIT);
  await page.getByRole('button', { name: 'Copy as a command line' }).click();
  await expect
    .poll(() => page.evaluate(() => navigator.clipboard.readText()))
    .toMatch(/--documents blank .*--text-overlap 8 .*--forgetting|--forgetting.*--documents blank/);
  expect(await inspect(page, 'text-run')).toEqual([]);
});

test('perplexity on held-out text is shown next to that on general text', async () => {
  await goTo(page, 'evaluate');
  await page.getByRole('button', { name: 'Measure every method' }).click();
  await page.getByRole('columnheader', { name: /^on general text/ }).waitFor({ timeout: 240_000 });
  // No row asks for an answer, and nothing speaks of answers.
  expect(await page.locator('h1').innerText()).toMatch(/surprised by the held-out text/);
  expect(await page.locator('main').innerText()).not.toMatch(/All 0|side by side|examples in its prompt/);
  const scores = page.getByRole('region', { name: 'Scores' });
  for (const row of await scores.locator('tbody tr').all())
    await expect.poll(() => row.locator('td').last().innerText()).toMatch(/^\d/);
  expect(await inspect(page, 'text-evaluate')).toEqual([]);
  expect(studio.problems).toEqual([]);
});
