/** The sample of the chat log: its loss falls, and the run says that the model now puts people off. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closePages, openWide, type WatchedPage } from './chromium.ts';
import { goTo, inspect, openSample, openSettings, WAIT } from './looks.ts';

let studio: WatchedPage;
let page: Page;
beforeAll(async () => {
  studio = await openWide();
  ({ page } = studio);
});
afterAll(closePages);

test('the sample turns the measurement on, and the form keeps it after a reload', async () => {
  await goTo(page, 'data');
  await openSample(page, /Tuned on a chat log/);
  await page.getByRole('heading', { name: /^\d+ rows?$/ }).waitFor(WAIT);
  await goTo(page, 'train');
  const measure = page.getByLabel('Measure forgetting');
  await expect.poll(() => measure.isChecked(), WAIT).toBe(true);
  await openSettings(page);
  await page.getByLabel('General text every … steps', { exact: true }).fill('10');
  await page.getByLabel('Steps', { exact: true }).fill('30');
  await goTo(page, 'data');
  await goTo(page, 'train');
  await expect.poll(() => measure.isChecked(), WAIT).toBe(true);
});

test('the run says in plain words what it forgot, with every answer before and after', async () => {
  await page.getByRole('button', { name: 'Start training' }).click();
  await page.getByRole('button', { name: 'New run' }).waitFor({ timeout: 240_000 });
  const told = page.getByRole('region', { name: /^What it forgot/ });
  await told.getByText(/^It answers general prompts worse than before/).waitFor(WAIT);
  await told.getByText(/of them are put off: “.+” gets “.+”/).waitFor(WAIT);
  await told.getByText(/Loss on general text \d\.\d+ after step 30/).waitFor(WAIT);
  const row = told.getByRole('row', { name: /^Write a text about the frog\./ });
  await expect
    .poll(() => row.innerText())
    .toMatch(/frog[\s\S]*right[\s\S]*(Sure|morning|lunch|evening)[\s\S]*wrong/);
  expect(await inspect(page, 'forgetting')).toEqual([]);
  // All of it is there after a reload, and the next form begins with the measurement.
  await page.reload();
  await goTo(page, 'train');
  await told.getByText(/^It answers general prompts worse than before/).waitFor(WAIT);
  await told.getByText(/Loss on general text \d\.\d+ after step 30/).waitFor(WAIT);
  await page.getByRole('button', { name: 'New run' }).click();
  await expect.poll(() => page.getByLabel('Measure forgetting').isChecked(), WAIT).toBe(true);
  expect(studio.problems).toEqual([]);
});
