/** The benchmark in the tab, from the status line to a report that can be copied. The tests do not judge its figures. */
import { mkdirSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeContexts, openChromium, openStudio } from './chromium.ts';
import { inspect, PICTURES } from './looks.ts';

const BENCHMARK_MS = 240_000;

let browser: Browser;
beforeAll(async () => {
  mkdirSync(PICTURES, { recursive: true });
  browser = await openChromium();
});
afterAll(() => closeContexts(browser));

test('the benchmark runs, is stopped, runs again, and its report is copied', async () => {
  const { page, problems, close } = await openStudio(browser, {
    permissions: ['clipboard-read', 'clipboard-write'],
    viewport: { width: 1440, height: 900 },
  });
  await page
    .getByRole('contentinfo')
    .getByRole('link', { name: /^CPU with/ })
    .click();
  const measure = page.getByRole('button', { name: 'Measure this CPU' });
  await measure.waitFor();
  expect(await inspect(page, 'benchmark-empty')).toEqual([]);

  await measure.click();
  await page.getByText(/1 of 13/).waitFor({ timeout: BENCHMARK_MS });
  expect(await inspect(page, 'benchmark-running')).toEqual([]);
  await page.getByRole('button', { name: 'Stop' }).click();
  await measure.waitFor({ timeout: BENCHMARK_MS });
  await expect.poll(() => page.getByRole('alert').count()).toBe(0);

  await measure.click();
  const copy = page.getByRole('button', { name: 'Copy as Markdown' });
  await copy.waitFor({ timeout: BENCHMARK_MS });
  // The heading row, and a row for each product.
  await expect.poll(() => page.getByRole('table').first().getByRole('row').count()).toBe(9);
  expect(await inspect(page, 'benchmark-result')).toEqual([]);
  await copy.click();
  const clipboard = (): Promise<string> => page.evaluate(() => navigator.clipboard.readText());
  await page.getByText('Copied as Markdown.').waitFor();
  await expect.poll(clipboard).toMatch(/^\*\*CPU with \d+ cores?.*\*\* \(\d+ threads?\).*Chrom.* Graft \d/);
  await page.getByRole('button', { name: 'Copy as JSON' }).click();
  await page.getByText('Copied as JSON.').waitFor();
  const { benchmark } = JSON.parse(await clipboard()) as { benchmark: { matmul: { gflops: number }[] } };
  expect(benchmark.matmul).toHaveLength(8);
  expect(benchmark.matmul.every(({ gflops }) => gflops > 0)).toBe(true);

  // The panel of requests, while it has some.
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.getByRole('button', { name: /^Requests since load/ }).click();
  await page.getByRole('dialog').waitFor();
  expect(await inspect(page, 'requests')).toEqual([]);
  expect(problems).toEqual([]);
  await close();
});
