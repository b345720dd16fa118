/** Several tasks in one run, from two files to a comparison with each of them alone. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closePages, openWide, type WatchedPage } from './chromium.ts';
import { goTo, inspect, openSample, openSettings, WAIT } from './looks.ts';

const SAMPLES = join(import.meta.dirname, '../../public/samples');
const rowsOf = (sample: string): Buffer =>
  Buffer.from(
    readFileSync(join(SAMPLES, sample, 'train.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .slice(0, 30)
      .join('\n'),
  );

let studio: WatchedPage;
let page: Page;
beforeAll(async () => {
  studio = await openWide({ permissions: ['clipboard-read', 'clipboard-write'] });
  ({ page } = studio);
});
afterAll(closePages);

const open = (name: string, sample: string): Promise<void> =>
  page
    .getByLabel('Open a file')
    .setInputFiles({ name, mimeType: 'application/octet-stream', buffer: rowsOf(sample) });
const tasks = (): ReturnType<Page['getByRole']> => page.getByRole('region', { name: 'Tasks' });
/** Each task in a line, what stands in fields included. */
const lines = (): Promise<string[]> =>
  tasks()
    .locator('tbody tr')
    .evaluateAll((rows) =>
      rows.map((row) =>
        [...row.children]
          .map((cell) => `${cell.querySelector('input')?.value ?? ''}${cell.textContent.trim()}`)
          .join(' '),
      ),
    );

test('a second file becomes another task with a name and a share, and is split on its own', async () => {
  await goTo(page, 'data');
  await open('voice.jsonl', 'voice');
  await page.getByRole('heading', { name: '30 rows' }).waitFor(WAIT);
  await open('orders.jsonl', 'orders-json');
  await page.getByRole('button', { name: 'Another task' }).click();
  await page.getByLabel('Name of the task').fill('orders');
  await page.getByLabel(/^Share of the rows that are drawn/).fill('100');
  await page.getByText('Choose 1 to 99%, or leave it empty.').waitFor();
  await page.getByLabel(/^Share of the rows that are drawn/).fill('25');
  expect(await inspect(page, 'task-second')).toEqual([]);
  await page.getByRole('button', { name: 'Add this task' }).click();
  await tasks().waitFor(WAIT);
  await expect.poll(lines).toEqual(['voice 24 3 75%', 'orders 24 3 25%']);
  // Shares that follow from the rows, and a cap.
  await tasks().getByLabel('Shares', { exact: true }).selectOption('as each has rows');
  await expect.poll(lines).toEqual(['voice 24 3 50%', 'orders 24 3 50%']);
  await tasks().getByLabel('Maximum rows per task').fill('10');
  await tasks().getByLabel('Maximum rows per task').press('Enter');
  await page.getByText('28 rows are left out by the maximum of their tasks').waitFor(WAIT);
  await tasks().getByLabel('Maximum rows per task').fill('');
  await tasks().getByLabel('Maximum rows per task').press('Enter');
  await expect.poll(lines).toEqual(['voice 24 3 50%', 'orders 24 3 50%']);
  await tasks().getByLabel('Name of task 1').fill('sailor');
  await tasks().getByLabel('Name of task 1').press('Enter');
  await expect.poll(lines).toEqual(['sailor 24 3 50%', 'orders 24 3 50%']);
  expect(await inspect(page, 'tasks')).toEqual([]);
});

test('a run reports the loss of each task, and the command that repeats it', async () => {
  await goTo(page, 'train');
  await openSettings(page);
  await page.getByLabel('Steps', { exact: true }).fill('4');
  await page.getByLabel('Warm-up, steps', { exact: true }).fill('0');
  await page.getByLabel('Validate every … steps', { exact: true }).fill('2');
  await page.getByLabel('Answer every … steps', { exact: true }).fill('0');
  await page.getByRole('button', { name: 'Start training' }).click();
  await page.getByRole('button', { name: 'New run' }).waitFor({ timeout: 240_000 });
  const told = page.getByLabel('Loss of each task');
  await expect.poll(() => told.innerText()).toMatch(/sailor[\s\S]*validation[\s\S]*orders[\s\S]*validation/);
  await page.getByRole('button', { name: 'Copy as a command line' }).click();
  await expect
    .poll(() => page.evaluate(() => navigator.clipboard.readText()))
    .toMatch(/--data sailor=voice\.jsonl,orders=orders\.jsonl .*--mix proportional/);
  expect(await inspect(page, 'task-run')).toEqual([]);
});

test('each task is trained separately, and compared on the same test rows', async () => {
  await goTo(page, 'evaluate');
  const together = page.getByRole('region', { name: 'Together against separate runs' });
  await together.getByRole('button', { name: 'Train sailor, orders separately' }).click();
  await together.getByText(/is trained separately/).waitFor();
  await together.getByRole('button', { name: 'Compare with separate runs' }).click({ timeout: 240_000 });
  const table = page.getByRole('region', { name: 'Scores by task' });
  await table.waitFor({ timeout: 240_000 });
  await expect
    .poll(() => table.locator('tbody th').allInnerTexts())
    .toEqual([expect.stringContaining('sailor'), expect.stringContaining('orders')]);
  // Base, all, and one for each task: four columns, and the comparison.
  expect(await table.locator('tbody tr').first().locator('td').count()).toBe(5);
  await expect.poll(() => table.innerText()).toMatch(/\+\d −\d/);
  expect(await inspect(page, 'task-evaluate')).toEqual([]);
  expect(studio.problems).toEqual([]);
});

test('a file is added to a bundled sample, which then is one of several tasks', async () => {
  await goTo(page, 'data');
  await openSample(page);
  await page.getByRole('heading', { name: '360 rows' }).waitFor(WAIT);
  await page.getByLabel('Add a file').setInputFiles({
    name: 'orders.jsonl',
    mimeType: 'application/octet-stream',
    buffer: rowsOf('orders-json'),
  });
  await page.getByRole('button', { name: 'Another task' }).click();
  await page.getByRole('button', { name: 'Add this task' }).click();
  await tasks().waitFor(WAIT);
  await expect
    .poll(lines)
    .toEqual([
      expect.stringContaining('A sea captain in the garden'),
      expect.stringContaining('orders 24 3'),
    ]);
  // They are there after a reload.
  await page.reload();
  await tasks().waitFor(WAIT);
  await expect.poll(async () => (await lines()).length).toBe(2);
  expect(studio.problems).toEqual([]);
});
