/** Further files beside the open rows, their duplicates and unused columns, and the room that all of it takes on the page. */
import { readFileSync } from 'node:fs';
import { zipSync } from 'fflate';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closePages, openWide, type WatchedPage } from './chromium.ts';
import { startAndPause } from './gate.ts';
import { parquet } from '../../src/data/parquet.ts';
import { downloadOf, goTo, inspect, openSettings, WAIT } from './looks.ts';

const STEP_MS = 60_000;

let studio: WatchedPage;
let page: Page;
beforeAll(async () => {
  studio = await openWide();
  ({ page } = studio);
  await goTo(page, 'data');
});
afterAll(closePages);

const choose = (name: string, lines: readonly string[]): Promise<void> =>
  page
    .getByLabel('Open a file')
    .setInputFiles({ name, mimeType: 'text/csv', buffer: Buffer.from(lines.join('\n')) });
const table = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `Where is my card ${from + i}?,card ${from + i}`);
/** The finding of rows that are trained on and measure. */
const leaks = (): Locator =>
  page.getByRole('listitem').filter({ hasText: '5 rows outside of the test have test prompts' });
const press = (name: string): Promise<void> => page.getByRole('button', { name, exact: true }).click();

/** Rows of each part, as the page counts them. */
const parts = async (): Promise<string> => {
  const found = page.getByRole('region', { name: /^(rows|seed|shop)/ }).getByRole('definition');
  return (await found.allInnerTexts()).join(' ');
};
const expectParts = (wanted: string): Promise<void> => expect.poll(parts, { timeout: STEP_MS }).toBe(wanted);

test('all rows of a second file become test rows, and rows that are in both files are named', async () => {
  await choose('rows.csv', ['prompt,completion', ...table(0, 40), ...table(3, 4)]);
  await expectParts('33 4 4');
  await choose('held out.csv', ['prompt,completion', ...table(35, 47)]);
  await page.getByRole('heading', { name: 'Use held out.csv as' }).waitFor();
  expect(await inspect(page, 'data-second')).toEqual([]);
  await press('Test rows');
  await expectParts('37 4 12');
  await page.getByText('Test rows: held out.csv, 12 rows').waitFor();
  await page.getByText('all rows of held out.csv').waitFor();
  await expect
    .poll(() => leaks().innerText(), { timeout: STEP_MS })
    .toMatch(/line \d+ of held out\.csv\s+for test is line \d+ of training/);
  expect(studio.problems).toEqual([]);
});

test('one press leaves out duplicate rows, another one undoes it, and the choice is kept', async () => {
  await press('Leave the 6 copies out');
  const checks = page.getByRole('region', { name: /^Findings/ });
  await checks.getByText('6 copies are left out.', { exact: true }).waitFor({ timeout: STEP_MS });
  await expect.poll(() => leaks().count(), { timeout: STEP_MS }).toBe(0);
  const [train, validation, heldOut] = (await parts()).split(' ').map(Number);
  expect([train + validation, heldOut]).toEqual([35, 12]);
  await press('Undo');
  await expectParts('37 4 12');
  await leaks().waitFor({ timeout: STEP_MS });
  await press('Leave the 5 rows out');
  await checks.getByText('5 rows are left out.', { exact: true }).waitFor({ timeout: STEP_MS });
  await press('Undo');
  await expectParts('37 4 12');
  await press('Leave the 6 copies out');
  await expectParts(`${train} ${validation} 12`);

  // A row is left out by itself. No other row moves to another part.
  const list = page.getByRole('listbox', { name: 'All rows' });
  await page.getByLabel('Part', { exact: true }).selectOption('train');
  await list.getByRole('option').first().click();
  const row = await page.getByRole('heading', { name: /^Line \d+, as the model sees it/ }).innerText();
  await press('Leave it out');
  await expectParts(`${train - 1} ${validation} 12`);
  // It is no longer among the rows that the filter shows: the next one comes into view.
  await page.getByRole('heading', { name: row }).waitFor({ state: 'detached' });
  await page.getByRole('heading', { name: /^Line \d+, as the model sees it/ }).waitFor();
  await page.getByLabel('Part', { exact: true }).selectOption('every part');
  await page.getByLabel('State', { exact: true }).selectOption('left out by you');
  await expect.poll(() => list.getByRole('option').count()).toBe(1);

  await page.reload();
  await expectParts(`${train - 1} ${validation} 12`);
  await page.getByText('Test rows: held out.csv, 12 rows').waitFor();
  await checks.getByRole('button', { name: 'Bring it back' }).click();
  await expectParts(`${train} ${validation} 12`);
  await press('Keep the copies');
  await expectParts('37 4 12');
  expect(studio.problems).toEqual([]);
});

test('rows of further files are split together with the first, and each file can be removed', async () => {
  await choose('more.jsonl', [
    ...table(50, 60).map((line) => {
      const [prompt, completion] = line.split(',');
      return JSON.stringify({ prompt, completion });
    }),
  ]);
  await press('More rows');
  await expectParts('46 5 12');
  await page.getByText('More rows: more.jsonl, 10 rows').waitFor();
  await press('Take away held out.csv');
  await expectParts('41 5 5');
  await press('Take away more.jsonl');
  await expectParts('33 4 4');
  await choose('other.csv', ['prompt,completion', ...table(0, 3)]);
  await press('Do not open it');
  await expectParts('33 4 4');
  expect(studio.problems).toEqual([]);
});

test('an input column next to the instruction is guessed, and the page says if nothing reads it', async () => {
  const rows = Array.from({ length: 20 }, (_, i) =>
    JSON.stringify({
      id: `seed_task_${i}`,
      instruction: `What relates the pair ${i}?`,
      instances: [{ input: i % 2 ? '' : `Night : Day ${i}`, output: `Opposites ${i}` }],
    }),
  );
  await choose('seed.jsonl', rows);
  await press('Training rows');
  const editor = page.getByRole('form', { name: /Which column is what/ });
  await editor.waitFor({ timeout: STEP_MS });
  const input = editor.getByLabel('Input', { exact: true });
  await expect.poll(() => input.locator('option:checked').innerText()).toBe('instances.0.input');
  await editor.getByText('Not used: id.').waitFor();
  await expect.poll(() => editor.innerText()).toContain('What relates the pair 0?\nNight : Day 0');
  await input.selectOption('none');
  await editor.getByText('instances.0.input holds text and is not used.').waitFor();
  await editor.getByRole('button', { name: 'Read these columns' }).click();
  await page
    .getByRole('heading', { name: 'The column “instances.0.input” is not used' })
    .waitFor({ timeout: STEP_MS });
  await page.getByText('Not used: id.').waitFor();
  await press('Choose the columns');
  await input.selectOption('instances.0.input');
  await editor.getByRole('button', { name: 'Read these columns' }).click();
  await expect
    .poll(() => page.getByRole('slider', { name: 'Tokens of this row' }).innerText(), { timeout: STEP_MS })
    .toMatch(/What relates the pair 0\?↵\s*Night : Day 0/);
  await expect.poll(() => page.getByText(/is not used$/).count()).toBe(0);
  expect(studio.problems).toEqual([]);
});

test('findings stand in one list by severity, lead to their rows, and what would waste a run is said above its start', async () => {
  // All rows come twice, so that most test prompts are trained on.
  const rows = [0, 1].flatMap(() =>
    ['lamp', 'boat', 'flag', 'rope', 'mast', 'hook', 'oar', 'net', 'keel', 'sail'].flatMap((thing) => [
      { prompt: `What does the ${thing} cost?`, completion: `The ${thing} costs ${thing.length} coins.` },
      { prompt: `Who mends a broken ${thing}?`, completion: `The workshop mends the ${thing}.` },
    ]),
  );
  const odd = { prompt: 'Which card was charged?', completion: 'The one with 4111 1111 1111 1111.' };
  const other = { prompt: 'What does the lamp cost?', completion: 'Nobody knows.' };
  await choose(
    'shop.jsonl',
    [...rows, odd, other].map((row) => JSON.stringify(row)),
  );
  await press('Training rows');
  const findings = page.getByRole('region', { name: /^Findings/ });
  await findings
    .getByRole('status')
    .getByText(/^1 would waste a run, \d would make it worse/)
    .waitFor(WAIT);
  const groups = await findings.getByRole('heading', { level: 3 }).allInnerTexts();
  expect(groups.map((title) => title.replace(/\s+\d+$/, ''))).toEqual([
    'Would waste a run',
    'Would make it worse',
  ]);
  const titles = await findings.getByRole('heading', { level: 4 }).allInnerTexts();
  expect(titles.slice(0, 1)).toEqual([
    expect.stringMatching(/^\d+ rows outside of the test have test prompts$/),
  ]);
  expect(titles).toEqual(
    expect.arrayContaining([
      '20 rows repeat an earlier one',
      '3 rows contradict each other',
      '1 row has a card number',
      'Only 4 test rows',
    ]),
  );
  const card = findings.getByRole('listitem').filter({ hasText: '1 row has a card number' });
  await card.getByRole('button', { name: 'Show it in the list' }).click();
  await page.getByRole('region', { name: '1 row of 42' }).getByText('4111 1111').waitFor();
  await expect.poll(() => page.getByLabel('Finding', { exact: true }).inputValue()).toBe('card-number');
  expect(await inspect(page, 'findings')).toEqual([]);

  await goTo(page, 'train');
  const wasted = page.getByText(/^A run on these rows would be wasted: \d+ rows outside of the test/);
  await wasted.waitFor(WAIT);
  await page.getByRole('link', { name: 'Look at the finding' }).click();
  await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toMatch(/^Findings/);
  await press('Leave the 20 copies out');
  await findings
    .getByRole('status')
    .getByText(/^\d would make it worse/)
    .waitFor(WAIT);
  // The button went with its finding, and the focus to what undoes it.
  await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe('Undo');
  await goTo(page, 'train');
  await page.getByRole('button', { name: 'Start training' }).waitFor(WAIT);
  expect(await wasted.count()).toBe(0);
  await goTo(page, 'data');
  await press('Undo');
  await findings
    .getByRole('status')
    .getByText(/^1 would waste a run/)
    .waitFor(WAIT);
  expect(studio.problems).toEqual([]);
});

test('the header of open rows is one line, and only the list scrolls by itself', async () => {
  for (const [width, most] of [
    [1440, 60],
    [360, 110],
  ]) {
    await page.setViewportSize({ width, height: 800 });
    await expect
      .poll(() => page.locator('main header').evaluate((head) => head.getBoundingClientRect().height))
      .toBeLessThan(most);
    const scrollers = await page
      .locator('main *')
      .evaluateAll((all) =>
        all
          .filter((element) => ['auto', 'scroll'].includes(getComputedStyle(element).overflowY))
          .map((element) => element.getAttribute('aria-label') ?? element.className),
      );
    expect(scrollers).toEqual(['All rows']);
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  // The tokens have more room than the list or the checks beside them.
  const widthOf = (name: string | RegExp): Promise<number> =>
    page
      .getByRole('region', { name })
      .first()
      .evaluate((region) => region.getBoundingClientRect().width);
  const tokens = await widthOf(/as the model sees it$/);
  expect(tokens).toBeGreaterThan(await widthOf('42 rows'));
  expect(tokens).toBeGreaterThan(await widthOf(/^shop/));
});

describe('rows edited on the page', () => {
  const QUEUES = ['cards', 'fees', 'loans', 'cards'];
  const history = (): Locator => page.getByRole('region', { name: 'Versions of the rows' });
  const list = (): Locator => page.getByRole('listbox', { name: 'All rows' });
  const texts = (): Promise<string[]> =>
    list()
      .getByRole('option')
      .evaluateAll((all) =>
        all.map((row) => {
          // A label stands beside the text, where a long one does not hide it.
          const shown = row.querySelector('.both') ?? row.querySelector('.text');
          return (shown?.textContent ?? '').replace(/\s+/g, ' ').trim();
        }),
      );
  const form = (name = 'Texts of this row'): Locator => page.getByRole('form', { name });

  test('are written in place, kept at once, and come back after a reload', async () => {
    await choose(
      'tickets.jsonl',
      Array.from({ length: 24 }, (_, i) =>
        JSON.stringify({ prompt: `Ticket ${i + 1}`, completion: QUEUES[i % 4], day: `day ${i + 1}` }),
      ),
    );
    await press('Training rows');
    await page.getByRole('heading', { name: '24 rows' }).waitFor(WAIT);
    expect(await history().count()).toBe(0);
    await list().focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    const prompt = form().getByLabel('Prompt');
    await expect.poll(() => prompt.inputValue()).toBe('Ticket 2');
    await prompt.fill('My card is lost');
    await form().getByLabel('Answer', { exact: true }).fill('loans');
    await form().getByLabel('Answer', { exact: true }).press('Tab');
    await expect.poll(() => history().innerText(), WAIT).toContain('2 rows edited');
    await expect.poll(async () => (await texts())[1]).toBe('My card is lost → loans');
    await form().getByLabel('Part', { exact: true }).selectOption('test');
    await expect.poll(() => history().innerText(), WAIT).toContain('Version 4');
    expect(await inspect(page, 'data-edit')).toEqual([]);

    await page.reload();
    await expect.poll(() => history().innerText(), WAIT).toContain('Version 4');
    await expect.poll(async () => (await texts())[1], WAIT).toBe('My card is lost → loans');
    expect(studio.problems).toEqual([]);
  });

  test('are undone and redone step by step, also by keys', async () => {
    await history().getByRole('button', { name: 'Undo: Line 2 is now for the test.' }).click();
    await expect.poll(() => history().innerText(), WAIT).toContain('Version 3');
    await list().focus();
    await page.keyboard.press('Control+z');
    await expect.poll(async () => (await texts())[1], WAIT).toBe('My card is lost → fees');
    await page.keyboard.press('Control+y');
    await expect.poll(async () => (await texts())[1], WAIT).toBe('My card is lost → loans');
    expect(studio.problems).toEqual([]);
  });

  test('are refused with the reason while they cannot be rows, and their text stays', async () => {
    await list().getByRole('option').nth(4).click();
    await press('Edit');
    const answer = form().getByLabel('Answer', { exact: true });
    await expect.poll(() => answer.inputValue()).toBe('cards');
    await answer.fill('');
    await answer.press('Tab');
    await form().getByRole('alert').getByText('the answer is empty').waitFor(WAIT);
    expect(await answer.inputValue()).toBe('');
    expect(await history().innerText()).toContain('Version 3');
    await answer.fill('fees');
    await answer.press('Tab');
    await expect.poll(() => history().innerText(), WAIT).toContain('Version 5');
    expect(studio.problems).toEqual([]);
  });

  test('are added, duplicated and deleted, and the keys of the list delete them', async () => {
    await form().getByRole('button', { name: 'Add a row' }).click();
    await form('A new row').getByLabel('Prompt').fill('A new ticket');
    await form('A new row').getByLabel('Answer', { exact: true }).fill('fees');
    await press('Add this row');
    await page.getByRole('heading', { name: '25 rows' }).waitFor(WAIT);
    await expect.poll(async () => (await texts())[5]).toBe('A new ticket → fees');
    await page.getByRole('heading', { name: 'Line 25, to edit' }).waitFor(WAIT);
    await form().getByRole('button', { name: 'Duplicate' }).click();
    await page.getByRole('heading', { name: '26 rows' }).waitFor(WAIT);
    await press('Edit');
    await list().focus();
    await page.keyboard.press('Enter');
    await form().waitFor();
    // The keyboard goes back to where it came from.
    await page.keyboard.press('Escape');
    await expect.poll(() => list().evaluate((element) => element === document.activeElement)).toBe(true);
    await page.keyboard.press('Delete');
    await page.getByRole('heading', { name: '25 rows' }).waitFor(WAIT);
    expect(studio.problems).toEqual([]);
  });

  test('are found by label, sorted by a column, and replaced after a preview', async () => {
    await page.getByLabel('Label', { exact: true }).selectOption('cards, 11');
    await page.getByRole('heading', { name: '11 rows of 25' }).waitFor(WAIT);
    await page.getByText('Sort, length and columns').click();
    await page.getByLabel('Sort by').selectOption('by day');
    await page.getByLabel('Direction').selectOption('largest first');
    await expect.poll(async () => (await texts())[0]).toBe('Ticket 24 → cards');
    await page.getByText('Find and replace').click();
    const find = page.getByLabel('Find', { exact: true });
    await find.fill('cards');
    await page.getByLabel('Replace with').fill('payment cards');
    await page.getByText('11 places in 11 rows of 11.').waitFor(WAIT);
    await page
      .getByRole('list', { name: 'How the first rows change' })
      .getByText('payment cards')
      .first()
      .waitFor();
    expect(await inspect(page, 'data-replace')).toEqual([]);
    await press('Replace in 11 rows');
    await history()
      .getByRole('button', { name: 'Undo: “cards” is replaced with “payment cards” in 11 rows.' })
      .waitFor(WAIT);
    await page.getByRole('heading', { name: 'of 25' }).waitFor({ state: 'detached' });
    await page.getByText('All versions').click();
    await history().getByRole('button', { name: 'Go to version 1' }).click();
    await page.getByRole('heading', { name: '24 rows' }).waitFor(WAIT);
    expect(await inspect(page, 'data-versions')).toEqual([]);
    expect(studio.problems).toEqual([]);
  });

  test('are counted, each picture with a table behind it', async () => {
    const statistics = page.getByRole('region', { name: 'Statistics' });
    await statistics.scrollIntoViewIfNeeded();
    await statistics.getByText('Tokens per epoch').waitFor(WAIT);
    const labels = statistics.getByRole('figure', { name: 'Labels' });
    await labels.getByText('Show as a table').click();
    const cells = (): Promise<string[]> => labels.getByRole('table').getByRole('row').allInnerTexts();
    await expect
      .poll(async () => (await cells()).map((row) => row.replace(/\s+/g, ' ').trim().split(' ').slice(0, 2)))
      .toEqual([
        ['label', 'rows'],
        ['cards', '12'],
        ['fees', '6'],
        ['loans', '6'],
      ]);
    // A limit far beyond the rows is said at the edge, and does not crush the bars.
    await page.getByText('limit 512 →').waitFor();
    expect(await inspect(page, 'data-statistics')).toEqual([]);
    expect(studio.problems).toEqual([]);
  });

  test('are split by their label, and that is a step like any other', async () => {
    await page.getByLabel('Stratify by').selectOption('label');
    await history()
      .getByRole('button', { name: 'Undo: Each part has its share of each label.' })
      .waitFor(WAIT);
    await page.getByRole('button', { name: 'Use these sizes' }).click();
    await expect.poll(() => page.getByLabel('Test, %').inputValue(), WAIT).toBe('21');
    await page.getByLabel('Part', { exact: true }).selectOption('test');
    await page.getByLabel('Label', { exact: true }).selectOption('cards, 12');
    await page.getByRole('heading', { name: /^[23] rows of 24$/ }).waitFor(WAIT);
    await page.getByRole('button', { name: 'Show all' }).click();
    await page.getByLabel('Keep together by').selectOption('day');
    await history()
      .getByRole('button', { name: /^Undo: Rows with the same column day/ })
      .waitFor(WAIT);
    expect(await inspect(page, 'data-split')).toEqual([]);
    await history().getByRole('button', { name: /^Undo/ }).click();
    await expect.poll(() => page.getByLabel('Keep together by').inputValue(), WAIT).toBe('');
    expect(studio.problems).toEqual([]);
  });
});

test('a zip opens as rows and test rows, without the file in it that is not valid, which is named', async () => {
  const file = (lines: readonly string[]): Uint8Array =>
    Buffer.from(['prompt,completion', ...lines].join('\n'));
  const zip = zipSync({
    'in/test.csv': file(table(40, 50)),
    'in/train.csv': file(table(0, 30)),
    '../outside.csv': file(table(0, 3)),
    'about.pdf': Buffer.from('x'),
  });
  await page
    .getByLabel('Open a file')
    .setInputFiles({ name: 'rows.zip', mimeType: 'application/zip', buffer: Buffer.from(zip) });
  const asked = page.getByRole('form', { name: 'Files of rows.zip' });
  await asked.getByText('"../outside.csv" is not a valid file name').waitFor();
  expect(await asked.getByLabel('Open in/test.csv as').inputValue()).toBe('test');
  expect(await asked.getByLabel('Open in/train.csv as').inputValue()).toBe('rows');
  expect(await inspect(page, 'data-zip')).toEqual([]);
  await asked.getByRole('button', { name: /^Open 2 files/ }).click();
  await expectParts('27 3 10');
  expect(studio.problems).toEqual([]);
});

test('a table that is copied from a web page becomes rows, and its header is asked about', async () => {
  await page.evaluate(() => {
    const clipboardData = new DataTransfer();
    clipboardData.setData('text/plain', 'hot cold day night up down');
    clipboardData.setData(
      'text/html',
      '<table><tr><td>hot<td>cold<br>or cool<tr><td>day<td>night<tr><td>up<td>down</table>',
    );
    document
      .querySelector('main')!
      .dispatchEvent(new ClipboardEvent('paste', { bubbles: true, clipboardData }));
  });
  await expect
    .poll(() => page.getByLabel('Rows', { exact: true }).inputValue())
    .toContain('hot\t"cold\nor cool"');
  expect(await page.getByLabel('Read as').inputValue()).toBe('tsv');
  await press('Read these rows');
  await press('Training rows');
  const editor = page.getByRole('form', { name: /Which column is what/ });
  await editor.getByLabel('The first row names the columns').uncheck({ timeout: STEP_MS });
  await editor.getByLabel('Prompt', { exact: true }).selectOption('column 1');
  await editor.getByLabel('Reference answer').selectOption('column 2');
  await editor.getByRole('button', { name: 'Read these columns' }).click();
  await page.getByRole('heading', { name: '3 rows' }).waitFor({ timeout: STEP_MS });
  expect(studio.problems).toEqual([]);
});

test('rows are written by hand and accepted from proposals, say so in a column, and are saved as they are', async () => {
  await press('Write rows');
  const write = page.getByRole('region', { name: 'Write rows' });
  await write.getByLabel('Prompt', { exact: true }).fill('left');
  await write.getByLabel('Answer', { exact: true }).fill('right');
  await page.keyboard.press('Control+Enter');
  await write.getByText('1 row made').waitFor({ timeout: STEP_MS });
  await expect.poll(() => write.getByLabel('Prompt', { exact: true }).inputValue()).toBe('');
  await expect
    .poll(() => page.evaluate(() => (document.activeElement as HTMLTextAreaElement | null)?.value))
    .toBe('');

  await write.getByLabel('Prompt', { exact: true }).fill('in');
  await write.getByText(/^Proposals of/).click();
  await write.getByLabel('How many').fill('2');
  await write.getByLabel('Most tokens').fill('8');
  await write.getByRole('button', { name: 'Propose answers' }).click();
  const accept = write.getByRole('button', { name: /^Accept proposal/ });
  await expect.poll(() => accept.first().isEnabled(), { timeout: STEP_MS }).toBe(true);
  await write.getByRole('button', { name: 'Propose answers' }).waitFor({ timeout: STEP_MS });
  expect(await inspect(page, 'data-write')).toEqual([]);
  const proposed = (await write.getByRole('listitem').first().locator('.text').textContent())?.trim();
  const offered = await accept.count();
  await accept.first().click();
  await write.getByText('2 rows made').waitFor({ timeout: STEP_MS });
  // What nobody accepted is no row.
  expect(await accept.count()).toBe(offered - 1);
  await page.getByRole('heading', { name: '5 rows' }).waitFor({ timeout: STEP_MS });

  await press('Save the rows');
  const save = page.getByRole('region', { name: 'Save the rows' });
  await save.getByLabel('File').selectOption('Parquet');
  const file = await downloadOf(page, () => save.getByRole('button', { name: 'Save', exact: true }).click());
  expect(file.suggestedFilename()).toBe('pasted.parquet');
  const rows = [...parquet.rows(new Uint8Array(readFileSync(await file.path())), 'x.parquet')].map((row) =>
    row.read(),
  );
  expect(rows).toHaveLength(5);
  expect(rows).toContainEqual(
    expect.objectContaining({ prompt: 'left', completion: 'right', made: 'by hand' }),
  );
  expect(rows).toContainEqual(
    expect.objectContaining({
      prompt: 'in',
      completion: proposed,
      made: expect.stringMatching(/^by \w/) as unknown,
    }),
  );
  // The file says which part each row is in, and gives the same parts again.
  const shown = page.getByRole('region', { name: /^pasted/ }).getByRole('definition');
  const before = await shown.allInnerTexts();
  const says = (part: string): number =>
    rows.filter((row) => (row as { split?: unknown }).split === part).length;
  expect(before).toEqual(['train', 'validation', 'test'].map((part) => String(says(part))));
  await page.getByLabel('Open a file').setInputFiles({
    ...{ name: 'pasted.parquet', mimeType: 'application/octet-stream' },
    buffer: readFileSync(await file.path()),
  });
  await press('Training rows');
  const by = page.getByLabel('Parts by');
  await expect.poll(() => by.inputValue(), WAIT).toBe('split');
  expect(await page.getByLabel('Test, %').isDisabled()).toBe(true);
  expect(await shown.allInnerTexts()).toEqual(before);
  expect(studio.problems).toEqual([]);
});

test('rows of a file that is not held in memory are searched, edited, learned and continued after a reload', async () => {
  const many = 20_001;
  const answers = ['cards', 'fees', 'loans'];
  // Spaces between the fields make it a large file at no other cost.
  const row = (at: number): string =>
    `{"prompt":"Ticket ${at}",${' '.repeat(220)}"completion":"${answers[at % 3]}"}`;
  await choose(
    'many.jsonl',
    Array.from({ length: many }, (_, at) => row(at + 1)),
  );
  await press('Training rows');
  const list = page.getByRole('listbox', { name: 'All rows' });
  const found = page.getByLabel('Find in rows');
  await page.getByRole('heading', { name: /^20[, ]?001 rows$/ }).waitFor(WAIT);
  await found.fill('Ticket 20001');
  await page.getByRole('heading', { name: /^1 rows? of 20/ }).waitFor(WAIT);
  await list.getByRole('option').first().click();
  await page.getByRole('heading', { name: /^Line 20,?001, as the model sees it$/ }).waitFor(WAIT);
  await press('Edit');
  const prompt = page.getByRole('form', { name: 'Texts of this row' }).getByLabel('Prompt');
  await expect.poll(() => prompt.inputValue()).toBe('Ticket 20001');
  await prompt.fill('Ticket 20001, again');
  await prompt.press('Tab');
  const history = page.getByRole('region', { name: 'Versions of the rows' });
  await expect.poll(() => history.innerText(), WAIT).toContain('1 row edited');

  await page.reload();
  await expect.poll(() => history.innerText(), WAIT).toContain('1 row edited');
  await goTo(page, 'train');
  await openSettings(page);
  await page.getByRole('spinbutton', { name: 'Steps', exact: true }).fill('4');
  await page.getByRole('spinbutton', { name: 'Warm-up, steps' }).fill('1');
  await page.getByRole('spinbutton', { name: 'Validate every … steps' }).fill('0');
  await startAndPause(page, () => page.getByRole('button', { name: 'Start training' }).click());
  await page.reload();
  await page.getByRole('group', { name: 'This run' }).getByRole('button', { name: 'Resume' }).click(WAIT);
  await page.getByText(/^Done/).waitFor(WAIT);
  expect(studio.problems).toEqual([]);
});
