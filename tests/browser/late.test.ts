/** The worker answers late: what a person writes and chooses meanwhile stays. */
import type { Page } from 'playwright-core';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { closePages, openWide, type WatchedPage } from './chromium.ts';
import { holdCalls } from './gate.ts';
import { factOf, goTo, openSample, openSettings, WAIT } from './looks.ts';

let studio: WatchedPage;
let page: Page;
beforeEach(async () => {
  studio = await openWide();
  page = studio.page;
  return () => {
    expect(studio.problems).toEqual([]);
    return studio.close();
  };
});
afterAll(closePages);

const title = () => page.getByLabel('What should it do?');
const success = () => page.getByLabel('What does success look like?');
const steps = () => page.getByLabel('Steps', { exact: true });
/** A field is left: its change is heard. */
const leave = (): Promise<void> => page.keyboard.press('Tab');

test('a task that is typed before the lists of an empty browser are read stays, and makes one project', async () => {
  const { release } = await holdCalls(page, ['listRuns', 'createProject']);
  await page.reload();
  await goTo(page, 'task');
  await title().fill('Sort letters');
  await leave();
  await success().fill('Nine of ten are right');
  await leave();
  await release('listRuns');
  await release('createProject');
  await expect
    .poll(() => page.getByRole('banner').getByRole('link').first().innerText())
    .toContain('Sort letters');
  expect([await title().inputValue(), await success().inputValue()]).toEqual([
    'Sort letters',
    'Nine of ten are right',
  ]);
  await goTo(page, 'start');
  await page.getByRole('button', { name: 'Rename Sort letters' }).waitFor();
  expect(await page.getByRole('button', { name: /^Rename / }).count()).toBe(1);
});

test('settings that are typed while rows are read stay', async () => {
  const { hold, release } = await holdCalls(page, ['previewRow', 'listRows']);
  await page.reload();
  await goTo(page, 'data');
  await openSample(page);
  await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/^Data\s+\d+ rows/);
  await page.getByRole('heading', { name: 'Rows', exact: true }).waitFor();
  await page.getByText('The rows are being listed …').waitFor();
  await release('listRows');
  // No row is shown yet, and the form follows the rows all the same.
  await goTo(page, 'train');
  await openSettings(page);
  await steps().fill('7');
  await release('previewRow');
  await goTo(page, 'data');
  await page.getByRole('heading', { name: /, as the model sees it$/ }).waitFor(WAIT);
  await goTo(page, 'train');
  await openSettings(page);
  expect(await steps().inputValue()).toBe('7');

  // A preset follows the rows, and what was written meanwhile stays.
  await page.getByRole('radio', { name: /^Balanced/ }).check();
  await goTo(page, 'data');
  await hold('openData');
  await page.getByLabel('Validation, %').fill('40');
  await leave();
  await goTo(page, 'train');
  await openSettings(page);
  await steps().fill('9');
  await release('openData');
  await goTo(page, 'data');
  await expect.poll(() => page.getByLabel('Validation, %').isEnabled(), WAIT).toBe(true);
  await goTo(page, 'train');
  await openSettings(page);
  expect(await steps().inputValue()).toBe('9');
});
