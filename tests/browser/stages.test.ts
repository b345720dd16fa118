/** One stage after another, from two files to the graph of the library and the matrix of stages and tests. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closePages, openWide, type WatchedPage } from './chromium.ts';
import { goTo, inspect, openSettings, WAIT } from './looks.ts';

const SAMPLES = join(import.meta.dirname, '../../public/samples');

let studio: WatchedPage;
let page: Page;
beforeAll(async () => {
  studio = await openWide();
  ({ page } = studio);
});
afterAll(closePages);

const open = (name: string, path: string): Promise<void> =>
  page.getByLabel('Open a file').setInputFiles({
    name,
    mimeType: 'application/octet-stream',
    buffer: Buffer.from(
      readFileSync(join(SAMPLES, path), 'utf8').trimEnd().split('\n').slice(0, 60).join('\n'),
    ),
  });

/** A short run that answers nothing on its way. */
async function train(steps: string): Promise<void> {
  await openSettings(page);
  await page.getByLabel('Steps', { exact: true }).fill(steps);
  await page.getByLabel('Warm-up, steps', { exact: true }).fill('0');
  await page.getByLabel('Answer every … steps', { exact: true }).fill('0');
  await page.getByRole('button', { name: 'Start training' }).click();
  await page.getByRole('button', { name: 'New run' }).waitFor({ timeout: 240_000 });
}

test('a run starts from the adapter of the previous run, on other rows', async () => {
  await goTo(page, 'data');
  await open('orders.jsonl', 'orders-json/train.jsonl');
  await page.getByRole('heading', { name: '60 rows' }).waitFor(WAIT);
  await goTo(page, 'train');
  await train('30');
  await goTo(page, 'data');
  await open('voice.jsonl', 'voice/train.jsonl');
  await page.getByRole('button', { name: 'Training rows' }).click();
  await page.getByRole('heading', { name: /^voice\.jsonl/ }).waitFor(WAIT);
  await goTo(page, 'train');
  await page.getByRole('button', { name: 'New run' }).click();
  await page.getByLabel('Start from', { exact: true }).selectOption({ label: 'orders 1, rank 8' });
  await train('12');
  // What it began with is the adapter, not the base model.
  expect(await page.locator('main').innerText()).toMatch(/before the run, (validation|training)/);
});

test('a third stage learns from pairs, against the adapter that it starts from', async () => {
  await goTo(page, 'data');
  await open('pairs.jsonl', 'more/pairs.jsonl');
  await page.getByRole('button', { name: 'Training rows' }).click();
  await page.getByRole('heading', { name: /^pairs\.jsonl/ }).waitFor(WAIT);
  await goTo(page, 'train');
  await page.getByRole('button', { name: 'New run' }).click();
  await page.getByLabel('Start from', { exact: true }).selectOption({ label: 'voice 1, rank 8' });
  await train('6');
});

test('the library draws and lists which adapter came from which', async () => {
  await goTo(page, 'use');
  const lineage = page.getByRole('region', { name: 'Sequential fine-tuning' });
  await lineage.getByText('As a list').click();
  await expect
    .poll(() => lineage.locator('details > ul').innerText())
    .toMatch(
      /orders 1\s+orders\.jsonl, validation [\d.]+\s+voice 1\s+voice\.jsonl, validation [\d.]+\s+pairs 1\s+pairs\.jsonl/,
    );
  await expect.poll(() => lineage.getByLabel('Stages up to').inputValue()).not.toBe('');
  expect(await lineage.locator('svg g').count()).toBe(4);
});

test('every stage is measured on every test, and the page says what was forgotten', async () => {
  const lineage = page.getByRole('region', { name: 'Sequential fine-tuning' });
  await lineage.getByText('12 measurements: 3 stages and the base model, each on 3 tests.').waitFor();
  await lineage.getByRole('button', { name: 'Measure every stage on every test' }).click();
  const table = page.getByRole('region', { name: 'Stages and their tests' });
  await table.waitFor({ timeout: 240_000 });
  expect(await table.locator('tbody th').allInnerTexts()).toEqual([
    expect.stringContaining('orders 1'),
    expect.stringContaining('voice 1'),
    expect.stringMatching(/pairs 1\s*6 pairs/),
  ]);
  // What it is measured by, the base, and three stages.
  for (const row of await table.locator('tbody tr').all()) expect(await row.locator('td').count()).toBe(5);
  await expect
    .poll(() => table.locator('tbody tr').first().innerText())
    .toMatch(/its own[\s\S]*(forgot|lost \d+ answers|loss \+)/);
  await expect
    .poll(() => table.locator('tbody tr').nth(1).innerText())
    .toMatch(/answers exactly right[\s\S]*before its own[\s\S]*its own/);
  // Each pair is preferred or not, before the stage and by it; what it started from prefers neither.
  await expect
    .poll(() => table.locator('tbody tr').last().innerText())
    .toMatch(
      /preference accuracy, against “voice 1”\s+\d+%\s*\d of 6[\s\S]*before its own[\s\S]*what they are compared with[\s\S]*\d of 6[\s\S]*its own/,
    );
  expect(await inspect(page, 'stages')).toEqual([]);
});

test('the measurements are there after a reload', async () => {
  const table = page.getByRole('region', { name: 'Stages and their tests' });
  const before = await table.innerText();
  await page.reload();
  await table.waitFor(WAIT);
  await expect.poll(() => table.innerText()).toBe(before);
  await page.getByText(/^Measured .*\d{4}/).waitFor();
  expect(studio.problems).toEqual([]);
});
