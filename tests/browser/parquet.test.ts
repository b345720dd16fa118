/** Parquet files on the page: picked and dropped, as tables are. */
import { readFileSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeContexts, openChromium, openStudio, type WatchedPage } from './chromium.ts';
import { goTo } from './looks.ts';

const STEP_MS = 60_000;
const file = (name: string): Buffer => readFileSync(new URL(`../fixtures/parquet/${name}`, import.meta.url));

let browser: Browser;
let studio: WatchedPage;
beforeAll(async () => {
  browser = await openChromium();
  studio = await openStudio(browser);
  await goTo(studio.page, 'data');
});
afterAll(() => closeContexts(browser));

test('rows of a picked file are listed by their numbers', async () => {
  const { page, problems } = studio;
  await page.getByLabel('Open a file').setInputFiles({
    name: 'sums.parquet',
    mimeType: 'application/vnd.apache.parquet',
    buffer: file('prompts-zstd.parquet'),
  });
  const parts = page.getByRole('region', { name: /^sums/ }).getByRole('definition');
  await expect.poll(async () => (await parts.allInnerTexts()).join(' '), { timeout: STEP_MS }).toBe('32 4 4');
  await page.getByText('What is 3 plus 3? Ünïcode 🌱').first().waitFor();
  expect(problems).toEqual([]);
});

test('columns of a dropped file with other names are chosen, and a compression that is not read is named', async () => {
  const { page, problems } = studio;
  const drop = (name: string, bytes: Buffer): Promise<void> =>
    page.evaluate(
      ([fileName, content]) => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([Uint8Array.from(content)], fileName));
        document
          .querySelector('main h1')!
          .dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer }));
      },
      [name, [...bytes]] as const,
    );
  const asTraining = (): Promise<void> =>
    page.getByRole('button', { name: 'Training rows', exact: true }).click();
  await drop('more.parquet', file('prompts-brotli.parquet'));
  await asTraining();
  await page.getByText('more.parquet is compressed with BROTLI').waitFor({ timeout: STEP_MS });
  await drop('questions.parquet', file('questions.parquet'));
  await asTraining();
  const editor = page.getByRole('form', { name: /Which column is what/ });
  await editor.waitFor({ timeout: STEP_MS });
  await expect.poll(() => editor.innerText()).toContain('question, answer, id');
  await expect
    .poll(() => editor.getByLabel('Prompt', { exact: true }).locator('option:checked').innerText())
    .toBe('question');
  expect(problems).toEqual([]);
});
