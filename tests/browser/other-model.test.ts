/** An adapter that was made for another model than the open one: it is not chosen by itself, and its model opens where it is chosen. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { sprigAdapter, zipOf } from './adapter-files.ts';
import { closePages, openWide } from './chromium.ts';
import { goTo, inspect, WAIT } from './looks.ts';

const SPRIG = join(import.meta.dirname, '../../public/models/sprig');
const scratch = mkdtempSync(join(tmpdir(), 'graft-other-model-'));
afterAll(async () => {
  await closePages();
  rmSync(scratch, { recursive: true, force: true });
});

test('an adapter of another model is not chosen by itself, and offers its model where it is chosen', async () => {
  const { page, problems } = await openWide();
  const oak = join(scratch, 'Oak');
  cpSync(SPRIG, oak, { recursive: true });
  await goTo(page, 'task');
  await page.getByLabel('Add a model folder').setInputFiles(oak);
  await expect.poll(() => page.getByRole('navigation').innerText(), WAIT).toContain('Oak');
  await goTo(page, 'use');
  const buffer = Buffer.from(zipOf(await sprigAdapter(1)));
  await page
    .getByLabel('Import a zip')
    .setInputFiles({ name: 'captain.zip', mimeType: 'application/zip', buffer });
  await page.getByText('Made for another model than the open one.').waitFor(WAIT);
  const right = page.getByLabel('Right side');
  expect(await right.inputValue()).toBe('base');
  await page.getByLabel('Prompt for both').fill('Who are you?');
  const ask = page.getByRole('button', { name: 'Ask both', exact: true });
  expect(await ask.isEnabled()).toBe(true);

  await page.getByRole('button', { name: /^Chat with it: captain/ }).click();
  const made = page.getByText('was made for Sprig, and Oak is open.');
  await made.waitFor();
  expect(await ask.isDisabled()).toBe(true);
  // Enter in the field is no way round it.
  await page.getByLabel('Prompt for both').press('Enter');
  expect(await page.getByRole('article').count()).toBe(0);
  expect(await inspect(page, 'other-model')).toEqual([]);

  await page.getByRole('button', { name: 'Open Sprig', exact: true }).click();
  await expect.poll(() => made.count(), WAIT).toBe(0);
  await ask.click();
  await expect.poll(() => page.getByText(/tokens\/s/).count(), WAIT).toBe(2);
  expect(problems).toEqual([]);
});
