/** The benchmark in the tab, from the status line to a text that can be sent. Its figures are nobody's business here. */
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { AxeResults } from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium, openStudio } from './chromium.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PICTURES = join(import.meta.dirname, '../../test-results/screens');
const BENCHMARK_MS = 240_000;

let browser: Browser;
beforeAll(async () => {
  mkdirSync(PICTURES, { recursive: true });
  browser = await launchChromium();
});
afterAll(() => browser.close());

/** What axe finds, and whether the page is wider than its window, in both themes, wide and narrow. */
async function faults(page: Page, name: string): Promise<string[]> {
  const found: string[] = [];
  await page.evaluate(AXE);
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [1440, 360]) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.setViewportSize({ width, height: 900 });
      const results = await page.evaluate<AxeResults>('axe.run()');
      found.push(
        ...results.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`),
      );
      if ((await page.evaluate(() => document.documentElement.scrollWidth)) > width)
        found.push(`wider than ${width} px`);
      await page.screenshot({ path: join(PICTURES, `${name}-${colorScheme}-${width}.png`), fullPage: true });
    }
  }
  return found;
}

test('it is measured, stopped, measured again, and copied', async () => {
  const { page, problems, close } = await openStudio(browser, {
    permissions: ['clipboard-read', 'clipboard-write'],
    viewport: { width: 1440, height: 900 },
  });
  await page
    .getByRole('contentinfo')
    .getByRole('link', { name: /swiftshader/i })
    .click();
  const measure = page.getByRole('button', { name: 'Measure this GPU' });
  await measure.waitFor();
  expect(await faults(page, 'benchmark-empty')).toEqual([]);

  await measure.click();
  await page.getByText(/1 of 13/).waitFor({ timeout: BENCHMARK_MS });
  expect(await faults(page, 'benchmark-running')).toEqual([]);
  await page.getByRole('button', { name: 'Stop' }).click();
  await measure.waitFor({ timeout: BENCHMARK_MS });
  expect(await page.getByRole('alert').count()).toBe(0);

  await measure.click();
  const copy = page.getByRole('button', { name: 'Copy as Markdown' });
  await copy.waitFor({ timeout: BENCHMARK_MS });
  // One for each product; the narrow window has no row of heads.
  expect(await page.getByRole('table').first().getByRole('row').count()).toBe(8);
  expect(await faults(page, 'benchmark-result')).toEqual([]);
  await copy.click();
  const clipboard = (): Promise<string> => page.evaluate(() => navigator.clipboard.readText());
  await page.getByText('Copied as Markdown.').waitFor();
  expect(await clipboard()).toMatch(/^\*\*.*swiftshader.*\*\* \(software.*Chrom.* Graft \d/i);
  await page.getByRole('button', { name: 'Copy as JSON' }).click();
  await page.getByText('Copied as JSON.').waitFor();
  const { benchmark } = JSON.parse(await clipboard()) as { benchmark: { matmul: { gflops: number }[] } };
  expect(benchmark.matmul).toHaveLength(8);
  expect(benchmark.matmul.every(({ gflops }) => gflops > 0)).toBe(true);

  // The panel of requests, while there are some to see.
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.getByRole('button', { name: /^Requests since load/ }).click();
  await page.getByRole('dialog').waitFor();
  expect(await faults(page, 'requests')).toEqual([]);
  expect(problems).toEqual([]);
  await close();
});
