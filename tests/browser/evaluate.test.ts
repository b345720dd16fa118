/** What an evaluation claims of its rows, in the production build: held out is said only of what training never saw. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium, openStudio, type WatchedPage } from './chromium.ts';
import { factOf, goTo, WAIT } from './looks.ts';

const ROWS = 60;

let browser: Browser;
let studio: WatchedPage;
let page: Page;
beforeAll(async () => {
  browser = await launchChromium();
  studio = await openStudio(browser, { viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' });
  ({ page } = studio);
});
afterAll(() => browser.close());

const verdict = (): Promise<string> => page.locator('header.verdict').innerText();

test('rows that training never saw are called so', async () => {
  await goTo(page, 'data');
  const rows = Array.from({ length: ROWS }, (_, i) => `Say ${i},yes`);
  await page.locator('input[type=file][accept*=".csv"]').setInputFiles({
    name: 'yes.csv',
    mimeType: 'text/csv',
    buffer: Buffer.from(['prompt,completion', ...rows].join('\n')),
  });
  await expect.poll(() => factOf(page, 'Data'), WAIT).toContain(`${ROWS} rows`);
  await goTo(page, 'train');
  await page.getByText('Every setting, explained').click();
  await page.getByLabel('Steps', { exact: true }).fill('3');
  await page.getByLabel('Warm-up, steps', { exact: true }).fill('1');
  await page.getByLabel('Validate every … steps', { exact: true }).fill('0');
  await page.getByRole('button', { name: 'Start training' }).click();
  await page.getByText(/^Done: loss/).waitFor(WAIT);
  await goTo(page, 'evaluate');
  await page.getByLabel('Rows').fill('4');
  await page.getByRole('button', { name: 'Compare with the base model' }).click();
  await page.getByRole('table').waitFor(WAIT);
  await expect.poll(verdict).toMatch(/on 4 rows that training never saw, answered/);
  expect(await verdict()).not.toMatch(/Training saw/);
  expect(studio.problems).toEqual([]);
});

test('rows that it saw are counted when they are split otherwise, after a reload too', async () => {
  await goTo(page, 'data');
  const seed = page.getByRole('spinbutton', { name: 'Seed of the split' });
  await seed.fill('7');
  await seed.blur();
  await expect.poll(() => factOf(page, 'Evaluate'), WAIT).toMatch(/out of date/);
  await goTo(page, 'evaluate');
  const again = page.getByRole('button', { name: 'Measure again' });
  await expect.poll(() => again.isEnabled(), WAIT).toBe(true);
  await again.click();
  await expect
    .poll(verdict, WAIT)
    .toMatch(/on \d rows, answered.*Training saw \d of the \d rows that were asked, and [1-6] of the 6/s);
  expect(await verdict()).not.toMatch(/never saw|held-out/);
  await page.reload();
  await expect.poll(verdict, WAIT).toMatch(/Training saw/);
  expect(studio.problems).toEqual([]);
});
