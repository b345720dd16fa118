/** A person's own rows: a table with odd columns is dropped, mapped, listed and inspected. Hostile text. The guide by keyboard. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closeContexts, openChromium, openStudio, type WatchedPage } from './chromium.ts';
import { goTo, inspect, PICTURES } from './looks.ts';

const STEP_MS = 60_000;
const WIDE = { width: 1440, height: 900 };
const HOSTILE = '<img src=x onerror="document.title=1"><script>alert(1)</script>{{Queue}}';

/** A typical spreadsheet: semicolons, quotes, cells over several lines, a row of another width, an open quote, one long row. */
const TABLE = [
  'Nr;Customer says;Queue;Note',
  ...Array.from({ length: 240 }, (_, i) => {
    const says =
      i === 7
        ? HOSTILE
        : i === 20
          ? 'again and again, '.repeat(120)
          : `My card ${i} is lost, ""please"" help`;
    return `${i + 1};"${i === 7 ? says.replaceAll('"', '""') : says}";${['cards', 'accounts', 'fees'][i % 3]};"first\nsecond"`;
  }),
  '241;too short',
  '242;"My card 0 is lost, ""please"" help";cards;twice',
  '243;"never closed;cards;x',
].join('\n');

let browser: Browser;
let studio: WatchedPage;
beforeAll(async () => {
  mkdirSync(PICTURES, { recursive: true });
  browser = await openChromium();
  studio = await openStudio(browser, { viewport: WIDE, reducedMotion: 'reduce' });
});
afterAll(() => closeContexts(browser));

/** Drops a file on the middle of the stage, as a browser tells the page of it. */
async function drop(page: Page, name: string, text: string): Promise<void> {
  await page.evaluate(
    ([fileName, content]) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([content], fileName));
      document
        .querySelector('main h1')!
        .dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer }));
    },
    [name, text] as const,
  );
}

const options = (page: Page): Promise<string[]> =>
  page
    .getByRole('listbox', { name: 'All rows' })
    .getByRole('option')
    .evaluateAll((found) => found.map((option) => (option.textContent ?? '').replace(/\s+/g, ' ').trim()));

describe('a table with odd columns', () => {
  test('is dropped, and the page shows its columns with three real rows', async () => {
    const { page, problems } = studio;
    await goTo(page, 'data');
    await expect.poll(() => page.locator('main [aria-busy="true"]').count(), { timeout: STEP_MS }).toBe(0);
    await drop(page, 'tickets.csv', TABLE);
    const editor = page.getByRole('form', { name: /Which column is what/ });
    await editor.waitFor({ timeout: STEP_MS });
    await expect.poll(() => editor.innerText()).toContain('Nr, Customer says, Queue, Note');
    // The names do not say which column is the answer. The page guesses the last one, and the person corrects it.
    await editor.getByLabel('Prompt', { exact: true }).selectOption('a template of your own');
    await editor.getByLabel('Template of the prompt').fill('Which queue?\n{{Customer}}');
    await editor.getByRole('status').waitFor();
    await expect
      .poll(() => editor.getByRole('status').innerText())
      .toContain('There is no column “Customer”. The columns are Nr, Customer says, Queue, Note.');
    await expect
      .poll(() => editor.getByRole('button', { name: 'Read these columns' }).isDisabled())
      .toBe(true);
    await editor.getByLabel('Template of the prompt').fill('Which queue?\n{{Customer says}}');
    await editor.getByLabel('Reference answer').selectOption('Queue');
    const preview = editor.getByRole('region', { name: 'The first 3 rows' });
    await expect.poll(() => preview.getByRole('listitem').count()).toBe(3);
    await expect.poll(() => preview.innerText()).toContain('Which queue?\nMy card 0 is lost, "please" help');
    expect(await inspect(page, 'data-columns')).toEqual([]);
    await editor.getByRole('button', { name: 'Read these columns' }).click();
    await page.getByRole('listbox', { name: 'All rows' }).waitFor({ timeout: STEP_MS });
    expect(problems).toEqual([]);
  });

  test('has every row in the list, and bad rows have reasons', async () => {
    const { page } = studio;
    await page.getByText('2 lines were not read').waitFor();
    await expect
      .poll(
        () =>
          page
            .getByRole('listitem')
            .filter({ hasText: /^line 48[24]/ })
            .allInnerTexts(),
        { timeout: STEP_MS },
      )
      .toEqual([
        'line 482 the row has 2 fields, and there are 4 columns',
        'line 484 a quote opens here and is never closed',
      ]);
    await expect.poll(() => page.getByRole('heading', { name: '243 rows' }).count()).toBe(1);
    const list = page.getByRole('listbox', { name: 'All rows' });
    expect((await options(page)).length).toBeLessThan(60);
    await page.getByLabel('State').selectOption('not read');
    await expect.poll(async () => (await options(page)).length).toBe(2);
    await page.getByLabel('State').selectOption('repeated');
    await expect.poll(async () => (await options(page)).length).toBe(1);
    expect((await options(page))[0]).toMatch(/^line 483 .*(repeated|leaks)/);
    await page.getByRole('button', { name: 'Show all' }).click();
    await expect.poll(async () => (await options(page)).length).toBeGreaterThan(10);
    // The keyboard goes to the end and back, and the page shows the selected row beside the list.
    await list.focus();
    await page.keyboard.press('End');
    await expect.poll(async () => (await options(page)).at(-1)).toMatch(/^line 484 .*not used · not read/);
    await page.keyboard.press('ArrowUp');
    await page.getByRole('heading', { name: 'Line 483, as the model sees it' }).waitFor();
    await page.keyboard.press('Home');
    await page.getByRole('heading', { name: 'Line 2, as the model sees it' }).waitFor();
    await expect.poll(() => list.getAttribute('aria-activedescendant')).toBeTruthy();
    // A row that arrives late does not replace the last one that was selected.
    for (const key of ['End', 'Home', 'End', 'ArrowUp', 'ArrowUp', 'ArrowDown'])
      await page.keyboard.press(key);
    await page.getByRole('heading', { name: 'Line 483, as the model sees it' }).waitFor();
    await page.keyboard.press('Home');
    await page.getByRole('heading', { name: 'Line 2, as the model sees it' }).waitFor();
  });

  test('shows where the length limit cuts a long row, and shows hostile text as text', async () => {
    const { page, problems } = studio;
    await page.getByLabel('State').selectOption('nothing to learn');
    await expect.poll(async () => (await options(page)).length).toBe(1);
    await page.getByLabel('Longer rows', { exact: true }).selectOption('truncate the prompt');
    await page.getByLabel('State').selectOption('cut');
    await expect
      .poll(async () => (await options(page))[0] ?? '', { timeout: STEP_MS })
      .toMatch(/^line 42 .*· cut/);
    await page.getByRole('listbox', { name: 'All rows' }).getByRole('option').first().click();
    await page.getByText('the limit', { exact: true }).waitFor();
    await expect
      .poll(() => page.getByRole('slider', { name: 'Tokens of this row' }).innerText())
      .toContain('fees');
    await page.screenshot({ path: join(PICTURES, 'data-long-light-1440.png') });
    await page.getByLabel('State').selectOption('every state');
    await page.getByLabel('Find in rows').fill('onerror');
    await expect.poll(async () => (await options(page)).length).toBe(1);
    await page.getByRole('listbox', { name: 'All rows' }).getByRole('option').first().click();
    await page.getByRole('heading', { name: 'Line 16, as the model sees it' }).waitFor();
    await expect
      .poll(() => page.getByRole('slider', { name: 'Tokens of this row' }).innerText())
      .toContain('onerror');
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(await page.title()).toMatch(/Graft$/);
    await page.getByRole('button', { name: 'Show all' }).click();
    expect(await inspect(page, 'data-list')).toEqual([]);
    // The columns can be changed, and what was chosen is still there.
    await page.getByRole('button', { name: 'Change the columns' }).click();
    await expect
      .poll(() => page.getByLabel('Template of the prompt').inputValue())
      .toBe('Which queue?\n{{Customer says}}');
    await page.getByRole('button', { name: 'Cancel' }).click();
    expect(problems).toEqual([]);
  });

  test('gets a baseline of the methods without tuning', async () => {
    const { page, problems } = studio;
    await goTo(page, 'baseline');
    await page.getByLabel('Rows').fill('4');
    await page.getByRole('button', { name: 'Measure every method' }).click();
    const table = page.getByRole('table', { name: /Methods without tuning/ });
    await table.waitFor({ timeout: STEP_MS });
    await expect
      .poll(async () => (await table.getByRole('rowheader').allInnerTexts()).slice(0, 3))
      .toMatchObject([
        expect.stringMatching(/^Most frequent answer[^]*always “(cards|accounts|fees)”, \d+% of training/),
        expect.stringMatching(/^Nearest row/),
        expect.stringMatching(/^Base model/),
      ]);
    const shots = page.getByLabel('Examples before each question');
    for (const typed of ['1', '-3']) {
      await shots.fill(typed);
      await shots.press('Enter');
      await expect.poll(() => shots.inputValue()).toBe('1');
    }
    await shots.fill('2');
    await page.getByRole('button', { name: 'Measure again' }).click();
    await table.getByRole('rowheader', { name: /^Base, with examples/ }).waitFor({ timeout: STEP_MS });
    await page.getByText('The 2 examples').click({ timeout: STEP_MS });
    expect(await inspect(page, 'data-baseline')).toEqual([]);
    await goTo(page, 'data');
    expect(problems).toEqual([]);
  });

  test('keeps the chosen columns after a reload, and they can be changed', async () => {
    const { page, problems } = studio;
    const first = (): Promise<string> => page.getByRole('slider', { name: 'Tokens of this row' }).innerText();
    const report = page.getByRole('button', { name: 'Change the columns' });
    const form = page.getByRole('form', { name: /Which column is what/ });
    await page.reload();
    await page.getByRole('heading', { name: '243 rows' }).waitFor({ timeout: STEP_MS });
    await expect.poll(first, { timeout: STEP_MS }).toMatch(/Which queue\?↵\nMy card 0 is lost/);
    await report.click();
    await expect
      .poll(() => form.getByLabel('Template of the prompt').inputValue())
      .toBe('Which queue?\n{{Customer says}}');
    await expect
      .poll(() => form.getByLabel('Reference answer').locator('option:checked').textContent())
      .toBe('Queue');
    await form.getByLabel('Template of the prompt').fill('Ticket {{Nr}}: {{Customer says}}');
    await form.getByLabel('Reference answer').selectOption('Note');
    await form.getByRole('button', { name: 'Read these columns' }).click();
    await expect.poll(first, { timeout: STEP_MS }).toContain('Ticket 1: My card 0 is lost');
    await expect.poll(first).toMatch(/first↵\nsecond/);
    await page.reload();
    await expect.poll(first, { timeout: STEP_MS }).toContain('Ticket 1: My card 0 is lost');
    expect(problems).toEqual([]);
  });

  test('is replaced by rows that are pasted anywhere, and their format is recognised', async () => {
    const { page, problems } = studio;
    await page.evaluate(() => {
      const clipboardData = new DataTransfer();
      clipboardData.setData('text/plain', 'prompt\tcompletion\nSay hi\thi\nSay no\tno\nSay ho\tho\n');
      document
        .querySelector('main')!
        .dispatchEvent(new ClipboardEvent('paste', { bubbles: true, clipboardData }));
    });
    await expect.poll(() => page.getByLabel('Read as').inputValue()).toBe('tsv');
    await page.getByRole('button', { name: 'Read these rows' }).click();
    await page.getByRole('button', { name: 'Training rows', exact: true }).click();
    await page.getByRole('heading', { name: '3 rows' }).waitFor({ timeout: STEP_MS });
    expect(problems).toEqual([]);
  });
});

describe('the guide', () => {
  test('has entries that are found and read by keyboard, each with an address', async () => {
    const { page, problems } = studio;
    await goTo(page, 'train');
    await page.getByRole('link', { name: 'Guide' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Guide' }).waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.type('overfit');
    await expect.poll(() => page.getByRole('article').count()).toBeLessThan(8);
    const link = page
      .getByRole('navigation', { name: 'Words of the guide' })
      .getByRole('link', { name: 'Overfitting' });
    await link.focus();
    await page.keyboard.press('Enter');
    await expect
      .poll(() => page.evaluate(() => document.activeElement?.textContent))
      .toContain('Overfitting');
    expect(new URL(page.url()).hash).toBe('#/guide/overfitting');
    await goTo(page, 'guide/rank');
    await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe('Rank (r)');
    // The whole guide, with the table of methods.
    await page.getByRole('heading', { name: 'Methods of tuning' }).waitFor();
    expect(await inspect(page, 'data-guide')).toEqual([]);
    expect(problems).toEqual([]);
  });

  test('opens from the help next to a word, which opens in place, even by keyboard', async () => {
    const { page, problems } = studio;
    await goTo(page, 'data');
    const help = page.getByRole('button', { name: /^Test part .*explained$/ });
    const entry = page.getByRole('dialog', { name: 'Test part (held out)' });
    const isFocused = (at: Locator): Promise<boolean> =>
      at.evaluate((element) => element === document.activeElement);
    await help.focus();
    await page.keyboard.press('Enter');
    await entry.getByText(/^Rows that nothing has seen/).waitFor();
    await expect.poll(() => isFocused(entry.getByRole('button', { name: 'Close' }))).toBe(true);
    expect(await help.getAttribute('aria-expanded')).toBe('true');
    expect(await inspect(page, 'data-help')).toEqual([]);
    await page.keyboard.press('Escape');
    await expect.poll(() => entry.count()).toBe(0);
    await expect.poll(() => isFocused(help)).toBe(true);
    // A second press of the same button closes it as well.
    await help.click();
    await entry.waitFor();
    await help.click();
    await expect.poll(() => entry.count()).toBe(0);
    // The page stays where it was and does not leave for the guide.
    expect(new URL(page.url()).hash).toBe('#/data');

    await page.setViewportSize({ width: 360, height: 780 });
    await help.click();
    const box = await entry.boundingBox();
    expect(box).toMatchObject({ x: 0, width: 360 });
    expect(Math.round(box!.y + box!.height)).toBe(780);
    await entry.getByRole('link', { name: 'More in the guide' }).click();
    await expect
      .poll(() => page.evaluate(() => document.activeElement?.textContent))
      .toBe('Test part (held out)');
    expect(await entry.count()).toBe(0);
    await page.setViewportSize({ width: 1440, height: 900 });
    expect(problems).toEqual([]);
  });

  test.each([
    ['train', 'Every setting, explained', 'Target modules'],
    ['use', /^Sampling/, 'Min-p'],
  ])('every setting under %s opens its entry', async (stage, summary, entry) => {
    const { page, problems } = studio;
    await goTo(page, stage);
    const details = page.locator('details').filter({ has: page.locator('summary', { hasText: summary }) });
    // The folds within it too, whose fields do not exist before.
    for (const fold of await details.locator('summary').all()) await fold.click();
    // All but the name of the run, which the person chooses.
    const unexplained = await details
      .locator('.field, fieldset')
      .filter({ hasNot: page.getByRole('button', { name: /, explained$/ }) })
      .locator('label, legend')
      .allInnerTexts();
    expect(unexplained).toEqual(stage === 'train' ? ['Name of the run'] : []);
    // Patterns for single layers lead to the same entry.
    await details
      .getByRole('button', { name: `${entry}, explained` })
      .first()
      .click();
    await page.getByRole('dialog', { name: entry }).waitFor();
    await page.keyboard.press('Escape');
    expect(problems).toEqual([]);
  });
});
