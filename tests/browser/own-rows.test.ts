/** Typical files, each opened in a fresh project: a list on one line, rows too long for the limit, splits that cannot work. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { closeContexts, openChromium, openStudio, openWide, type WatchedPage } from './chromium.ts';
import { dragInto } from './drag.ts';
import { factOf, goTo, openSample, openSettings } from './looks.ts';

const STEP_MS = 60_000;

let browser: Browser;
let studio: WatchedPage;
beforeAll(async () => {
  browser = await openChromium();
});
afterAll(() => closeContexts(browser));
beforeEach(async () => {
  studio = await openStudio(browser, { viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' });
  await goTo(studio.page, 'data');
  return () => studio.close();
});

const openFile = (page: Page, name: string, text: string): Promise<void> =>
  page
    .getByLabel('Open a file')
    .setInputFiles({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(text) });

describe('a list on one line', () => {
  test('is mapped if its columns have other names', async () => {
    const { page, problems } = studio;
    const rows = Array.from({ length: 12 }, (_, i) => ({ question: `q${i}`, team: i % 2 ? 'x' : 'y' }));
    await openFile(page, 'mini.json', JSON.stringify(rows));
    const editor = page.getByRole('form', { name: /Which column is what/ });
    await editor.waitFor({ timeout: STEP_MS });
    const preview = editor.getByRole('region', { name: 'The first 3 rows' });
    await expect.poll(() => preview.getByRole('listitem').count()).toBe(3);
    await editor.getByRole('button', { name: 'Read these columns' }).click();
    await page.getByRole('heading', { name: '12 rows' }).waitFor({ timeout: STEP_MS });
    expect(problems).toEqual([]);
  });

  test('has numbered rows, bad ones too, and the page names another list in the file that is not read', async () => {
    const { page, problems } = studio;
    const rows = Array.from({ length: 12 }, (_, i) =>
      i === 6 ? { prompt: 'Who?' } : { prompt: `Say ${i}`, completion: `${i}` },
    );
    await openFile(page, 'tree.json', JSON.stringify({ train: rows, test: rows.slice(0, 3) }));
    await page.getByText('1 row was not read').waitFor({ timeout: STEP_MS });
    await page.getByText('3 rows of “test” are left out').waitFor();
    // What the list counts is not what is trained on.
    await page.getByRole('region', { name: '12 rows' }).getByText('1 of them not used').waitFor();
    await expect
      .poll(() =>
        page
          .getByRole('listitem')
          .filter({ hasText: /^row 7/ })
          .count(),
      )
      .toBe(1);
    await page.getByRole('heading', { name: 'Row 1, as the model sees it' }).waitFor();
    const list = page.getByRole('listbox', { name: 'All rows' });
    await expect.poll(() => list.getByRole('option').nth(8).innerText()).toMatch(/^row\s+9/);
    expect(problems).toEqual([]);
  });
});

describe('rows too long for the limit', () => {
  test('are reported, and can still be read', async () => {
    const { page, problems } = studio;
    const rows = Array.from({ length: 6 }, (_, i) =>
      JSON.stringify({ prompt: `Sum ${i}: ${'many words '.repeat(400)}`, completion: ` short ${i}` }),
    );
    await openFile(page, 'summ.jsonl', rows.join('\n'));
    const alert = page.getByRole('alert');
    await alert.waitFor({ timeout: STEP_MS });
    await expect.poll(() => alert.innerText()).toMatch(/all 6 rows are cut at 512 tokens, before the answer/);
    // The model has no longer context.
    expect(await page.getByRole('button', { name: /^Raise the maximum length/ }).count()).toBe(0);
    await page.getByRole('button', { name: 'Truncate the prompt', exact: true }).click();
    await page.getByRole('heading', { name: '6 rows', exact: true }).waitFor({ timeout: STEP_MS });
    await expect
      .poll(() => page.getByLabel('Longer rows', { exact: true }).inputValue())
      .toBe('truncate-prompt');
    // All of them longer than a limit that is lowered: back to what holds them.
    await page.getByLabel('Longer rows', { exact: true }).selectOption('truncate the end');
    await alert.waitFor({ timeout: STEP_MS });
    await page.getByRole('heading', { name: '6 rows', exact: true }).waitFor();
    expect(problems).toEqual([]);
  });
});

describe('a row longer than anybody reads', () => {
  test('opens, and is shown at the part that matters', async () => {
    const { page, problems } = studio;
    const rows = [
      { prompt: 'a b c '.repeat(80_000), completion: ' yes' },
      ...Array.from({ length: 8 }, (_, i) => ({ prompt: `Say ${i}`, completion: ` ${i}` })),
    ];
    await openFile(page, 'row.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'));
    await page.getByRole('heading', { name: '9 rows', exact: true }).waitFor({ timeout: STEP_MS });
    await page.getByRole('heading', { name: 'Line 1, as the model sees it' }).waitFor({ timeout: STEP_MS });
    const tokens = page.getByRole('slider', { name: 'Tokens of this row' });
    await expect.poll(() => tokens.innerText()).toMatch(/… [\d,]{7,} tokens more …/);
    expect(await tokens.locator('[data-at]').count()).toBeLessThan(1500);
    expect(Number(await tokens.getAttribute('aria-valuemax'))).toBeGreaterThan(200_000);
    await tokens.focus();
    await page.keyboard.press('ArrowLeft');
    await expect.poll(() => tokens.getAttribute('aria-valuetext')).toMatch(/^Token 2\d{5}: /);
    await page.getByRole('button', { name: 'Next row' }).click();
    await page.getByRole('heading', { name: 'Line 2, as the model sees it' }).waitFor();
    expect(problems).toEqual([]);
  });
});

const ROWS = Array.from({ length: 40 }, (_, i) =>
  JSON.stringify({ prompt: `Say ${i}`, completion: ` ${i}` }),
).join('\n');

async function openRows(page: Page): Promise<void> {
  await openFile(page, 'plain.jsonl', ROWS);
  await page.getByRole('heading', { name: '40 rows', exact: true }).waitFor({ timeout: STEP_MS });
}

/** Types a number into a field and leaves it. */
async function enter(page: Page, label: string, value: string): Promise<void> {
  await page.getByLabel(label, { exact: true }).fill(value);
  await page.getByLabel(label, { exact: true }).press('Enter');
}

const valueOf = (page: Page, label: string): Promise<string> =>
  page.getByLabel(label, { exact: true }).inputValue();

describe('an invalid number', () => {
  test('does not stay in its field as if it were in force', async () => {
    const { page, problems } = studio;
    await openRows(page);
    await enter(page, 'Test, %', '100');
    await page.getByText('must leave rows for training. It stays 10.').waitFor();
    await expect.poll(() => valueOf(page, 'Test, %')).toBe('10');
    await enter(page, 'Validation, %', '20');
    await expect.poll(() => valueOf(page, 'Test, %')).toBe('10');
    await expect.poll(() => valueOf(page, 'Validation, %')).toBe('20');
    await enter(page, 'Split seed', '9007199254740993');
    await expect.poll(() => valueOf(page, 'Split seed')).toBe('42');
    await goTo(page, 'baseline');
    for (const [typed, held] of [
      ['1', '1'],
      ['-1', '1'],
      ['99', '4'],
    ]) {
      await enter(page, 'Rows', typed);
      await expect.poll(() => valueOf(page, 'Rows')).toBe(held);
    }
    expect(problems).toEqual([]);
  });
});

describe('another split', () => {
  test("updates a preset, and shows which of a person's own settings cannot work", async () => {
    const { page, problems } = studio;
    const start = page.getByRole('button', { name: 'Start training' });
    const thorough = page.getByRole('radio', { name: /^Thorough/ });
    await openRows(page);
    await goTo(page, 'train');
    await thorough.check();
    await expect.poll(() => start.isEnabled()).toBe(true);
    await goTo(page, 'data');
    await enter(page, 'Validation, %', '0');
    const part = page.getByRole('region', { name: /^plain/ }).getByRole('definition');
    await expect.poll(() => part.nth(1).innerText()).toBe('0');
    await goTo(page, 'train');
    await expect.poll(() => thorough.isChecked()).toBe(true);
    await expect.poll(() => start.isEnabled()).toBe(true);
    // Settings of one's own stay as they are: what does not go with the rows any more is in sight.
    await openSettings(page);
    // Emptied first, as one does who types another number.
    await page.getByLabel('Validate every … steps', { exact: true }).fill('');
    await page
      .getByRole('alert')
      .getByText('Choose a whole number of at least 0 (0 for no validation).')
      .waitFor();
    await page.getByLabel('Validate every … steps', { exact: true }).fill('3');
    await expect.poll(() => start.isEnabled()).toBe(false);
    await goTo(page, 'data');
    await goTo(page, 'train');
    await expect
      .poll(() => page.getByLabel('Validate every … steps', { exact: true }).isVisible())
      .toBe(true);
    await expect.poll(() => page.getByRole('alert').innerText()).toContain('Validate every … steps');
    expect(problems).toEqual([]);
  });
});

describe('the suggested prompt', () => {
  test('comes from the open rows, not from the sample before', async () => {
    const { page, problems } = studio;
    await page.getByRole('button', { name: /^A sea captain/ }).click();
    await page.getByRole('heading', { name: /^A sea captain/ }).waitFor({ timeout: STEP_MS });
    await openRows(page);
    await goTo(page, 'train');
    await openSettings(page);
    const prompt = page.getByLabel('Sample prompt', { exact: true });
    await expect.poll(() => prompt.inputValue()).toMatch(/^Say \d+$/);
    expect(
      Number(await page.getByLabel('Answer every … steps', { exact: true }).inputValue()),
    ).toBeGreaterThan(0);
    const asked = await prompt.inputValue();
    await goTo(page, 'use');
    await expect.poll(() => page.locator('#chat-prompt').inputValue()).toBe(asked);
    await page.locator('#chat-prompt').fill('');
    await page.getByRole('button', { name: `“${asked}”` }).waitFor();
    expect(problems).toEqual([]);
  });
});

test('settings belong to their rows: none of a sample stay, also after a reload', async () => {
  const { page, problems } = studio;
  const field = (name: string): Locator => page.getByLabel(name, { exact: true });
  const settings = async (): Promise<string[]> => {
    await goTo(page, 'train');
    if (!(await field('Name of the run').isVisible())) await openSettings(page);
    const names = ['Name of the run', 'Steps', 'Learning rate', 'Sample prompt'];
    return Promise.all(names.map((name) => field(name).inputValue()));
  };
  const openKept = async (name: RegExp): Promise<void> => {
    await goTo(page, 'data');
    await page.getByRole('button', { name: 'Other rows' }).click();
    await page.getByRole('button', { name }).click();
  };
  const isOpen = (name: RegExp): Promise<void> =>
    page.getByRole('heading', { level: 2, name }).first().waitFor({ timeout: STEP_MS });

  await openRows(page);
  await isOpen(/^40 rows|^plain/);
  await settings();
  await field('Steps').fill('21');
  await field('Name of the run').fill('mine');
  await field('Sample prompt').fill('Say 7, please');
  const mine = await settings();
  await goTo(page, 'data');
  await openSample(page);
  await isOpen(/^A sea captain/);
  const sample = await settings();
  for (const [at, value] of sample.entries()) if (at !== 2) expect(value).not.toBe(mine[at]);
  await expect.poll(() => factOf(page, 'Task')).toMatch(/sea captain/);

  await openKept(/^Open plain/);
  await expect.poll(settings).toEqual(mine);
  // Nor does it leave its task.
  await expect.poll(() => factOf(page, 'Task')).not.toMatch(/sea captain/);
  await openKept(/^Open A sea captain/);
  await expect.poll(settings).toEqual(sample);
  // The page writes what it keeps when it is left.
  await page.reload();
  await expect.poll(settings, { timeout: STEP_MS }).toEqual(sample);
  await openKept(/^Open plain/);
  await expect.poll(settings).toEqual(mine);
  expect(problems).toEqual([]);
});

test('a file of rows that is dropped on any stage, or on Home, is opened under Data', async () => {
  const { page, problems, close } = await openWide();
  const folder = await mkdtemp(join(tmpdir(), 'graft-'));
  const paths = ['forty.jsonl', 'ten.jsonl'].map((name) => join(folder, name));
  await writeFile(paths[0], ROWS);
  await writeFile(paths[1], ROWS.split('\n').slice(0, 10).join('\n'));
  await goTo(page, 'train');
  await dragInto(page.locator('main h1'), paths[0]);
  await page.getByRole('heading', { name: '40 rows', exact: true }).waitFor({ timeout: STEP_MS });
  await goTo(page, 'start');
  await dragInto(page.locator('main h1'), paths[1]);
  // They could be more rows, or test rows, of the open project.
  await page.getByRole('heading', { name: /^Use ten\.jsonl as/ }).waitFor();
  expect(new URL(page.url()).hash).toBe('#/data');
  await page.getByRole('button', { name: 'Training rows', exact: true }).click();
  await page.getByRole('heading', { name: '10 rows', exact: true }).waitFor({ timeout: STEP_MS });
  expect(page.context().pages()).toHaveLength(1);
  expect(await page.getByRole('alert').count()).toBe(0);
  await rm(folder, { recursive: true });
  expect(problems).toEqual([]);
  await close();
});
