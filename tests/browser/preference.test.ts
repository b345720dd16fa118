/** Pairs of answers, from the file to an adapter that prefers: rows side by side, the objective that suits them, what a run reports, its adapter. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closePages, openWide, type WatchedPage } from './chromium.ts';
import { goTo, inspect, openSettings, WAIT } from './looks.ts';

interface Talk {
  messages: { role: string; content: string }[];
}
/** The answers of a sample, each against that of the row after it. */
const talks = readFileSync(join(import.meta.dirname, '../../public/samples/voice/train.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .slice(0, 25)
  .map((line) => JSON.parse(line) as Talk);
const pairs = talks.slice(0, -1).map(({ messages }, i) => ({
  prompt: messages[0].content,
  chosen: messages[1].content,
  rejected: talks[i + 1].messages[1].content,
}));

let studio: WatchedPage;
let page: Page;
beforeAll(async () => {
  studio = await openWide({ permissions: ['clipboard-read', 'clipboard-write'] });
  ({ page } = studio);
});
afterAll(closePages);

const openRows = (name: string, rows: readonly object[]): Promise<void> =>
  page.getByLabel('Open a file').setInputFiles({
    name,
    mimeType: 'application/octet-stream',
    buffer: Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n')),
  });

test('a file of pairs is recognised by its columns, its bad rows are named, and both answers are shown side by side', async () => {
  await goTo(page, 'data');
  const same = { ...pairs[0], rejected: pairs[0].chosen };
  await openRows('pairs.jsonl', [...pairs, same, { ...pairs[1], chosen: ' ' }]);
  await page.getByRole('heading', { name: '26 rows' }).waitFor(WAIT);
  await page.getByText('24 pairs of a chosen and a rejected answer.').waitFor();
  await page.getByText('2 lines were not read').waitFor();
  const tokens = page.getByRole('slider', { name: 'Tokens of this row' });
  await expect.poll(() => tokens.innerText()).toMatch(/Chosen[\s\S]*Rejected/);
  expect(await inspect(page, 'pairs')).toEqual([]);
});

test('the form suggests DPO for pairs, and refuses single answers with what to do', async () => {
  await goTo(page, 'train');
  await openSettings(page);
  const objective = page.getByLabel('Objective', { exact: true });
  await expect.poll(() => objective.inputValue()).toBe('dpo');
  await expect.poll(() => page.getByLabel('Beta', { exact: true }).inputValue()).toBe('0.1');
  await objective.selectOption('sft');
  await page.getByRole('alert').getByText('choose “Preference (DPO)”').waitFor();
  expect(await page.getByLabel('Beta', { exact: true }).count()).toBe(0);
  await objective.selectOption('dpo');
  await expect.poll(() => page.getByRole('button', { name: 'Start training' }).isEnabled()).toBe(true);
  // What it is compared with follows what the run starts from, unless it is chosen.
  const reference = page.getByLabel('Reference policy', { exact: true });
  await expect
    .poll(() => reference.locator('option:checked').innerText())
    .toBe('As usual: the base model, with the adapter off');
  await reference.selectOption('The base model');
  await expect.poll(() => page.getByRole('button', { name: 'Start training' }).isEnabled()).toBe(true);
});

test('a run reports accuracy, margin and rewards, and its adapter can be used', async () => {
  await page.getByLabel('Steps', { exact: true }).fill('4');
  await page.getByLabel('Warm-up, steps', { exact: true }).fill('0');
  await page.getByLabel('Validate every … steps', { exact: true }).fill('2');
  await page.getByRole('button', { name: 'Start training' }).click();
  const told = page.getByLabel('What the objective reports');
  await told.waitFor({ timeout: 240_000 });
  await page.getByText('it starts at ln 2 = 0.693').waitFor();
  const status = page.getByRole('button', { name: 'New run' });
  await status.waitFor({ timeout: 240_000 });
  await expect.poll(() => told.innerText()).toMatch(/Accuracy[\s\S]*%[\s\S]*Margin[\s\S]*validation/);
  await page.getByRole('button', { name: 'Copy as a command line' }).click();
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toMatch(/ --reference base\b/);
  await page.getByRole('button', { name: 'Show as a table' }).click();
  await page.getByRole('columnheader', { name: 'margin' }).waitFor();
  expect(await inspect(page, 'preference-run')).toEqual([]);
  expect(studio.problems).toEqual([]);
});

test('the base model is measured with examples of chosen answers before the questions of pairs', async () => {
  await goTo(page, 'evaluate');
  await page.getByLabel('Rows', { exact: true }).fill('2');
  await page.getByRole('button', { name: 'Measure every method' }).click();
  const table = page.getByRole('table', { name: /^Methods on the same rows/ });
  await table.waitFor({ timeout: 240_000 });
  await table.getByRole('rowheader', { name: /^Base, with examples/ }).waitFor({ timeout: 240_000 });
  expect(await page.getByRole('alert').count()).toBe(0);
});

test('the table of everything tuned counts the pairs in order, and those of the base model to compare', async () => {
  await goTo(page, 'evaluate');
  await page.getByRole('button', { name: /^Measure all (on the same rows|again)$/ }).click();
  const table = page.getByRole('table', { name: 'Everything tuned, in one table' });
  await table.getByRole('columnheader', { name: 'Preference accuracy' }).waitFor({ timeout: 240_000 });
  const rowOf = (name: RegExp) =>
    table.getByRole('row').filter({ has: page.getByRole('rowheader', { name }) });
  expect(await rowOf(/^Base model/).innerText()).toContain('the reference');
  expect(await rowOf(/^pairs 1/).innerText()).toMatch(/[0-2] of 2/);
  await page.getByText('whose chosen answer gained more log-probability over the base model').waitFor();
  expect(await inspect(page, 'pairs-table')).toEqual([]);
  expect(studio.problems).toEqual([]);
});
