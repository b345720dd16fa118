/** The choice of a method: what each needs and costs on the open rows, and its defaults in one press. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TUNING_METHODS } from '../../src/app/train/tuning-methods.ts';
import { closePages, openWide, type WatchedPage } from './chromium.ts';
import { axe, goTo, inspect, openSample, openSettings, WAIT } from './looks.ts';

let studio: WatchedPage;
let page: Page;
beforeAll(async () => {
  studio = await openWide();
  ({ page } = studio);
});
afterAll(closePages);

const table = () => page.locator('table', { has: page.getByRole('columnheader', { name: 'wrong when' }) });
const rowOf = (label: string) =>
  table()
    .getByRole('row')
    .filter({ has: page.getByRole('rowheader', { name: new RegExp(`^${label.replace(/[()]/g, '\\$&')}`) }) });
const compare = () => page.getByText(/^Compare all \d+ methods/).click();

test('the page says without rows what each method needs, and how to get that', async () => {
  await goTo(page, 'train');
  await compare();
  const pairs = rowOf('Preference (DPO)');
  expect(await pairs.innerText()).toContain('prompt, chosen and rejected');
  await pairs.getByRole('button', { name: 'Open bundled pairs' }).waitFor();
  expect(await table().getByRole('button', { name: /^Use / }).count()).toBe(0);
});

test('bundled rows are offered under Data by what they teach', async () => {
  await goTo(page, 'data');
  const group = (name: string) => page.getByRole('region', { name: `Bundled rows: ${name}` });
  await expect.poll(() => group('Answers').getByRole('button').count(), WAIT).toBe(3);
  expect(await group('Preferences').getByRole('button').count()).toBe(2);
  expect(await inspect(page, 'bundled-rows')).toEqual([]);
  await group('Text and tables')
    .getByRole('button', { name: /^The captain’s log/ })
    .click();
  await page.getByRole('heading', { name: 'Line 1, as the model sees it' }).waitFor(WAIT);
  const samples = page.getByRole('button', { name: 'Samples', exact: true });
  await samples.click();
  const log = group('Text and tables').getByRole('button', { name: /^The captain’s log/ });
  await expect.poll(() => log.getAttribute('aria-pressed')).toBe('true');
  await samples.click();
});

test('the page plans every method on a sample, and says which rows are missing', async () => {
  await goTo(page, 'data');
  await openSample(page);
  await page.getByRole('heading', { name: /^\d+ rows$/ }).waitFor(WAIT);
  await goTo(page, 'train');
  await compare();
  for (const { label, needs } of TUNING_METHODS)
    if (needs !== 'feedback' && needs !== 'adapter')
      await expect.poll(() => rowOf(label).innerText(), { timeout: 90_000 }).toMatch(/\d (?:MiB|KiB)/);
  expect(await rowOf('LoRA').getAttribute('aria-current')).toBe('true');
  expect(await rowOf('Preference (DPO)').innerText()).toMatch(/prompt, chosen and rejected[\s\S]*up to/);
  await page.getByText('Now open: single answers, 360 rows in all.').waitFor();
  expect(await rowOf('Rewards (GRPO)').innerText()).not.toContain('up to');
  expect(await inspect(page, 'methods')).toEqual([]);
});

test('one press takes the defaults of a method, and the form follows', async () => {
  await rowOf('Full fine-tuning').getByRole('button', { name: 'Use Full fine-tuning' }).click();
  await expect.poll(() => rowOf('Full fine-tuning').getAttribute('aria-current')).toBe('true');
  await openSettings(page);
  const rate = page.getByLabel('Learning rate', { exact: true });
  await expect.poll(() => rate.inputValue()).toBe('0.000375');
  await rowOf('LoRA').getByRole('button', { name: 'Use LoRA' }).click();
  await expect.poll(() => rate.inputValue()).toBe('0.006');
});

test('bundled pairs are opened from the choice of methods, and suit those that learn from pairs', async () => {
  await rowOf('Preference (DPO)').getByRole('button', { name: 'Open bundled pairs' }).click();
  await page.getByText('200 pairs of a chosen and a rejected answer.').waitFor(WAIT);
  await goTo(page, 'train');
  await compare();
  await expect.poll(() => rowOf('Preference (DPO)').getAttribute('aria-current')).toBe('true');
  await rowOf('Preference (SimPO)').getByRole('button', { name: 'Use Preference (SimPO)' }).click();
  await openSettings(page);
  await expect.poll(() => page.getByLabel('Objective', { exact: true }).inputValue()).toBe('simpo');
  await expect.poll(() => page.getByRole('button', { name: 'Start training' }).isEnabled()).toBe(true);
  await page.getByText('Now open: pairs of answers, 200 rows in all.').waitFor();
  expect(await rowOf('LoRA').getByRole('button').count()).toBe(0);
});

test('the guide has the same methods in words', async () => {
  await page.evaluate(() => (location.hash = '#/guide/methods'));
  await page.getByRole('heading', { name: 'Methods of tuning' }).waitFor();
  for (const { label } of TUNING_METHODS) expect(await rowOf(label).count(), label).toBe(1);
  // data.test.ts inspects the whole guide in both themes and widths, at another entry.
  expect(await axe(page)).toEqual([]);
  expect(studio.problems).toEqual([]);
});
