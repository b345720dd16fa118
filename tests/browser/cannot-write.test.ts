/** Answers with characters that the model cannot write: named under Data and before a run, and given new tokens in one press. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeContexts, openChromium, openStudio, type WatchedPage } from './chromium.ts';
import { goTo, WAIT } from './looks.ts';

// Some of the rows are held out.
const WORDS =
  /^This model cannot tell é from other tokens, since nothing trained it\. The answers of all \d+ rows need it\./;
const ROWS = Array.from({ length: 24 }, (_, i) => ({
  prompt: `Where do we meet at ${i}?`,
  completion: ['café_old', 'café_new'][i % 2],
}));

let browser: Browser;
let studio: WatchedPage;
let page: Page;
beforeAll(async () => {
  browser = await openChromium();
  studio = await openStudio(browser, { viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' });
  ({ page } = studio);
  await goTo(page, 'data');
  await page.getByLabel('Open a file').setInputFiles({
    name: 'places.jsonl',
    mimeType: 'application/jsonl',
    buffer: Buffer.from(ROWS.map((row) => JSON.stringify(row)).join('\n')),
  });
  await page.getByRole('heading', { name: '24 rows' }).waitFor(WAIT);
});
afterAll(() => closeContexts(browser));

test('are named under Data', async () => {
  await page.getByText(WORDS).waitFor(WAIT);
});

test('are named above the start of a run, and can be written after one press', async () => {
  await goTo(page, 'train');
  await page.getByText(WORDS).waitFor(WAIT);
  await page.getByRole('button', { name: 'Add 1 new token' }).click();
  await expect.poll(() => page.getByText(/^This model cannot tell/).count(), WAIT).toBe(0);
  expect(await page.locator('[data-setting="addTokens"] input').inputValue()).toBe('café_');
  await goTo(page, 'data');
  await page.getByText('Read with the token that the next run adds: “café_”.').waitFor(WAIT);
  expect(await page.getByText(/^This model cannot tell/).count()).toBe(0);
  expect(studio.problems).toEqual([]);
});
