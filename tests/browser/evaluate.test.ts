/** What an evaluation says about its rows: how they were drawn, and whether training saw them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { strFromU8, unzipSync } from 'fflate';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { graftHere, temporaryFolder } from '../engine/graft-command.ts';
import { closePages, openWide, type WatchedPage } from './chromium.ts';
import { allowSteps, engineOf } from './gate.ts';
import { downloadOf, factOf, goTo, inspect, openSettings, WAIT } from './looks.ts';

const ROWS = 60;

let studio: WatchedPage;
let page: Page;
beforeAll(async () => {
  studio = await openWide();
  ({ page } = studio);
});
afterAll(closePages);
const folder = temporaryFolder();

const verdict = (): Promise<string> => page.locator('header.verdict').innerText();
/** The table of Baseline, and that of Evaluate, where adapters also have a table of their own. */
const scores = () => page.getByRole('table', { name: /^Methods/ });
const table = (): Promise<string> => scores().innerText();
/** The texts of the files that the page exports. */
async function exported(): Promise<Record<string, string>> {
  const download = await downloadOf(page, () =>
    page.getByRole('button', { name: 'Export the report' }).click(),
  );
  const files = Object.entries(unzipSync(readFileSync(await download.path())));
  return Object.fromEntries(files.map(([name, bytes]) => [name, strFromU8(bytes)]));
}
/** The names of the buttons that are drawn as the one thing to press. */
const primary = (): Promise<string[]> => page.locator('main .button.main:visible').allInnerTexts();
/** The questions under the table, in the order in which they were drawn. */
const questions = (): Promise<string[]> => page.locator('p.asked').allInnerTexts();

test('rows are a random sample, the page says so, and every method gets the same rows', async () => {
  await goTo(page, 'data');
  // Sorted by their label, as files often are.
  const rows = Array.from({ length: ROWS }, (_, i) => `Say ${i},${i < ROWS / 2 ? 'yes' : 'no'}`);
  await page.getByLabel('Open a file').setInputFiles({
    name: 'yes.csv',
    mimeType: 'text/csv',
    buffer: Buffer.from(['prompt,completion', ...rows].join('\n')),
  });
  await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(new RegExp(`^Data\\s+${ROWS} rows`));
  await goTo(page, 'task');
  await page.getByLabel('Success from').fill('good');
  await page.getByText('This is not a score that can be compared.').waitFor();
  await page.getByLabel('Success from').fill('9 of 10');
  await page.getByText('Every verdict answers it: 90%.').waitFor();
  await goTo(page, 'baseline');
  const instruction = page.getByLabel('Instruction before each question');
  await expect
    .poll(() => instruction.inputValue(), WAIT)
    .toBe('Answer with one of these labels and nothing else: no, yes.');
  await page.getByRole('button', { name: 'Try it on one row' }).click();
  await page.getByRole('button', { name: 'Try it on the next row' }).waitFor(WAIT);
  await page.getByLabel('Rows').fill('4');
  await page.getByLabel('Examples before each question').fill('2');
  await page.getByRole('button', { name: 'Measure every method' }).click();
  await expect
    .poll(() => page.locator('main').innerText(), WAIT)
    .toMatch(/4 of 6 test rows, drawn at random with seed 42.* on the same 4 rows\./);
  // The row that was tried is asked above the table.
  const asked = (await questions()).slice(1);
  expect(asked).toHaveLength(4);
  await page.getByText(/^Success was set at 9 of 10 \(exactly right\): .* of 4, 95% interval/).waitFor();
  await expect
    .poll(table, WAIT)
    .toMatch(/Base, with examples.*Base, instructed.*Base, instructed, with examples/s);

  await goTo(page, 'train');
  await openSettings(page);
  await page.getByLabel('Steps', { exact: true }).fill('3');
  await page.getByLabel('Warm-up, steps', { exact: true }).fill('1');
  await page.getByLabel('Validate every … steps', { exact: true }).fill('0');
  await page.getByRole('button', { name: 'Start training' }).click();
  await page.getByText(/^Done: loss/).waitFor(WAIT);
  await goTo(page, 'evaluate');
  await page.getByLabel('Rows').fill('4');
  const compare = page.getByRole('button', { name: 'Measure every method' });
  await compare.waitFor(WAIT);
  await page.getByRole('button', { name: 'Measure all on the same rows' }).waitFor(WAIT);
  expect(await primary()).toEqual(['Measure every method']);
  await compare.click();
  await scores().waitFor(WAIT);
  // What one press has measured is not measured again for the table of everything tuned.
  const everything = page.getByRole('table', { name: 'Everything tuned, in one table' });
  await expect.poll(() => everything.innerText(), WAIT).toMatch(/\d of 4[\s\S]*\d+ of 12/);
  expect(await everything.innerText()).not.toContain('Not measured');
  await expect.poll(primary).toEqual([]);
  expect(await questions()).toEqual(asked);
  expect(await table()).toMatch(/Base, with examples/);
  expect(await verdict()).toMatch(/Success was set at 9 of 10 \(exactly right\): the adapter gets \d of 4/);
  await expect
    .poll(verdict)
    .toMatch(/4 of 6 test rows, drawn at random with seed 42.*Training never saw them/s);
  expect(await verdict()).toMatch(/^(Tuning|No gain).* of 4 held-out rows exactly right/);
  expect(await verdict()).not.toMatch(/Training saw/);
  // So few rows make no large headline.
  expect(await verdict()).toMatch(/Only 4 rows: too few to rely on\./);
  const size = (selector: string): Promise<number> =>
    page
      .locator(selector)
      .first()
      .evaluate((element) => parseFloat(getComputedStyle(element).fontSize));
  expect(await size('header.verdict h1')).toBeLessThan(2 * (await size('header.verdict p')));
  expect(studio.problems).toEqual([]);
});

test('one press measures every method on other rows, prompts and what was forgotten among them', async () => {
  await goTo(page, 'train');
  await page.getByRole('link', { name: 'Measure it' }).click();
  // So few rows take no minute, so all of them are asked.
  await expect.poll(verdict, WAIT).toMatch(/All 6 test rows\./);
  expect(await table()).toMatch(/Base, with examples.*Base, instructed.*Base, instructed, with examples/s);
  expect(await page.getByText('not in the table').count()).toBe(0);
  expect(await verdict()).not.toMatch(/Forgetting was not measured/);
  expect(studio.problems).toEqual([]);
});

test('test rows that training saw are counted after another split, also after a reload', async () => {
  await goTo(page, 'data');
  await page.getByRole('button', { name: 'Unlock the test part' }).click();
  const seed = page.getByRole('spinbutton', { name: 'Split seed' });
  await seed.fill('7');
  await seed.blur();
  await expect.poll(() => factOf(page, 'Evaluate'), WAIT).toMatch(/out of date/);
  await goTo(page, 'evaluate');
  const again = page.getByRole('button', { name: 'Measure again' });
  await expect.poll(() => again.isEnabled(), WAIT).toBe(true);
  await again.click();
  await expect
    .poll(verdict, WAIT)
    .toMatch(/All 6 test rows\..*Training saw \d of the \d rows that were asked, and [1-6] of the 6/s);
  expect(await verdict()).not.toMatch(/never saw|held-out/);
  await page.reload();
  await expect.poll(verdict, WAIT).toMatch(/Training saw/);
  expect(studio.problems).toEqual([]);
});

test('the measured adapter is chosen again after a reload, and a new one before that', async () => {
  const chosen = (): Promise<string> =>
    page
      .getByLabel('Adapter', { exact: true })
      .evaluate((select) => (select as HTMLSelectElement).selectedOptions[0].text);
  const measured = await chosen();
  await goTo(page, 'train');
  await page.getByRole('button', { name: 'New run' }).click();
  await page.getByRole('button', { name: 'Start training' }).click();
  await expect.poll(() => factOf(page, 'Use'), WAIT).toContain('2 adapters');
  await page.getByText(/^Done: loss/).waitFor(WAIT);
  await goTo(page, 'evaluate');
  await expect.poll(chosen).not.toBe(measured);
  await page.reload();
  await expect.poll(chosen, WAIT).toBe(measured);
  expect(studio.problems).toEqual([]);
});

test('an answer without visible characters is marked as such', async () => {
  await goTo(page, 'evaluate');
  // As a ruined adapter answers.
  await page.evaluate(
    () =>
      new Promise<void>((resolve, reject) => {
        const opening = indexedDB.open('graft');
        opening.onerror = () => reject(opening.error!);
        opening.onsuccess = () => {
          const transaction = opening.result.transaction('results', 'readwrite');
          const cursor = transaction.objectStore('results').openCursor();
          cursor.onsuccess = () => {
            const at = cursor.result;
            if (!at) return;
            const kept = at.value as {
              kind: string;
              value: { subjects: { method: string }[]; evidence: { text: string }[][] };
            };
            if (kept.kind === 'evaluation') {
              const { subjects, evidence } = kept.value;
              const textOf = { base: '', adapter: ' \n\u200b' };
              for (const [method, text] of Object.entries(textOf))
                evidence[0][subjects.findIndex((one) => one.method === method)].text = text;
              at.update(kept);
            }
            at.continue();
          };
          transaction.oncomplete = () => {
            opening.result.close();
            resolve();
          };
        };
      }),
  );
  await page.reload();
  const answers = page.getByRole('region', { name: 'The answers, side by side' });
  await expect.poll(() => answers.getByText('nothing', { exact: true }).count(), WAIT).toBe(1);
  expect(await answers.getByText('only white space', { exact: true }).count()).toBe(1);
  expect(studio.problems).toEqual([]);
});

test('added metrics have columns with their intervals, at once or after a measurement, and the evaluation keeps them', async () => {
  await page.reload();
  await goTo(page, 'evaluate');
  await scores().waitFor(WAIT);
  await page.getByText('Metrics', { exact: true }).click();
  const list = page.getByRole('list', { name: 'Metrics to add' });
  await list.waitFor();
  // Those of texts and tokens that no table has by itself.
  for (const label of [
    ...['ROUGE-1', 'ROUGE-2', 'ROUGE-L of all rows', 'BLEU', 'Sentence BLEU', 'Sentence chrF'],
    ...['Normalized match', 'Number match (strict)', 'Number match (flexible)'],
    ...['Right label (accuracy)', 'Macro-F1', 'F1 of fields and entities'],
    ...['Contains the reference', 'Token accuracy'],
  ])
    expect(await list.getByRole('checkbox', { name: label, exact: true }).count(), label).toBe(1);
  expect(await list.innerText()).toMatch(/Macro-F1\s*\?\s*The mean of F1 over all labels/);

  for (const label of ['BLEU', 'Macro-F1', 'ROUGE-1', 'Token accuracy'])
    await list.getByRole('checkbox', { name: label, exact: true }).check();
  const cellOf = async (heading: string): Promise<string> => {
    const headings = await scores().getByRole('columnheader').allInnerTexts();
    const at = headings.findIndex((text) => text.toLowerCase().startsWith(heading.toLowerCase()));
    expect(at, `${heading} of ${headings.join(', ')}`).toBeGreaterThan(0);
    const row = scores().locator('tbody tr').filter({ hasText: 'only the question' });
    return row.first().locator('th, td').nth(at).innerText();
  };
  // Stored answers are enough for these.
  // A score of all rows that no resample changes has no interval.
  await expect.poll(() => cellOf('macro-F1'), WAIT).toMatch(/^\d\.\d{3}(\s+\d\.\d{3} to \d\.\d{3})?$/);
  // It is read from the loss.
  await expect.poll(() => cellOf('token accuracy')).toMatch(/^[01]\.?\d*$/);
  await expect.poll(() => cellOf('BLEU')).toMatch(/^\d+\.\d(\s+\d+\.\d to \d+\.\d)?$/);

  await list.getByRole('checkbox', { name: 'Valid JSON', exact: true }).check();
  await expect.poll(() => cellOf('valid JSON'), WAIT).toMatch(/^[01]\.\d\d\s/);

  // The number of tokens is not kept with an answer.
  await list.getByRole('checkbox', { name: 'Length', exact: true }).check();
  await page.getByText('Measure again to score the answers by length.').waitFor();
  await page.getByRole('button', { name: 'Measure again' }).click();
  await expect.poll(() => cellOf('length'), WAIT).toMatch(/^[−-]?\d/);
  // The base answers with the number that it is asked to say, which is JSON.
  await expect.poll(() => cellOf('valid JSON'), WAIT).toMatch(/^1\.00\s+0\.\d\d to 1\.00$/);

  // Metrics with settings: a fault is said at its field, and the kept answers are enough for a column.
  const own = page.getByRole('region', { name: /^With settings of your own/ });
  const kind = own.getByLabel('Another metric');
  await own.getByRole('button', { name: 'Write its settings' }).click();
  const pattern = own.getByRole('textbox', { name: 'Regular expression' });
  await pattern.fill('^(\\d{1,3}$');
  await pattern.press('Enter');
  await own.getByText(/^✕ Regular expression: regex cannot be used: its pattern is not a/).waitFor(WAIT);
  expect(await pattern.getAttribute('aria-invalid')).toBe('true');
  expect(await pattern.evaluate((field) => field === document.activeElement)).toBe(true);
  await pattern.fill('^\\d{1,3}$');
  await own.getByLabel('Name of the column').fill('a number');
  await own.getByRole('button', { name: 'Add this metric' }).click();
  await expect.poll(() => cellOf('a number'), WAIT).toMatch(/^\d+%\s+\d+% to \d+%$/);
  await kind.selectOption('Your own JavaScript');
  await own.getByRole('button', { name: 'Write its settings' }).click();
  const code = own.getByRole('textbox', { name: 'JavaScript' });
  await code.fill('completion.length ===');
  await own.getByRole('button', { name: 'Add this metric' }).click();
  await own.getByText(/its code cannot run: SyntaxError/).waitFor(WAIT);
  await code.fill('completion.length === answer.length');
  await own.getByRole('button', { name: 'Add this metric' }).click();
  await expect.poll(() => cellOf('javascript completion'), WAIT).toMatch(/^\d\.\d\d\s+\d\.\d\d to \d\.\d\d$/);
  expect(await page.getByText('a number: regex ^\\d{1,3}$').count()).toBe(1);
  await scores().getByRole('button', { name: 'Macro-F1, explained' }).click();
  await page.getByText('F1 of each label, and the mean over the labels').waitFor(WAIT);
  await page.keyboard.press('Escape');
  await kind.selectOption('JSON by a schema');
  await own.getByRole('button', { name: 'Write its settings' }).click();
  expect(await inspect(page, 'metrics-chosen')).toEqual([]);

  const shown = await table();
  await page.reload();
  await expect.poll(table, WAIT).toBe(shown);
  const record = JSON.parse((await exported())['evaluation.json']) as { scorers: { name: string }[] };
  const names = record.scorers.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['exact-match', 'bleu', 'macro-f1', 'rouge1', 'valid-json']));
  expect(studio.problems).toEqual([]);
});

test('an exported evaluation opens again, in the page by a file and in the command, and is drawn by the same screens', async () => {
  await page.reload();
  await goTo(page, 'evaluate');
  await scores().waitFor(WAIT);
  // The rows are opened after the results, and their looks are counted then.
  await expect.poll(verdict, WAIT).toMatch(/The test part was looked at/);
  const shown = { verdict: await verdict(), table: await table(), questions: await questions() };
  const files = await exported();
  expect(Object.keys(files).sort()).toEqual([
    ...['evaluation.json', 'predictions.jsonl', 'report.html', 'report.json'],
  ]);
  expect(files['report.html']).toContain('Base, instructed, with examples');
  const saved = folder('evaluation.json');
  writeFileSync(saved, files['evaluation.json']);
  // The report holds the record.
  const content = Buffer.from(files['report.json']);
  const printed = await graftHere(['evaluate', '--open', saved]);
  expect(printed.code, printed.err).toBe(0);
  const [number] = /\d+ of 6/.exec(shown.verdict) ?? [''];
  expect(printed.out).toMatch(/^Base model +\d of 6/m);
  expect(printed.out).toContain(number);
  expect(printed.out).toMatch(/^method .* a number +javascript completion/m);
  expect(files['report.html']).toContain('<code>regex ^\\d{1,3}$</code>');

  const open = page.getByLabel('Open a saved evaluation');
  await open.setInputFiles({ name: 'kept.json', mimeType: 'application/json', buffer: content });
  await page.getByText('From the file kept.json: measured').waitFor(WAIT);
  expect(await table()).toBe(shown.table);
  expect(await questions()).toEqual(shown.questions);
  await page.getByRole('button', { name: 'Close it' }).click();
  expect(await page.getByText('From the file').count()).toBe(0);
  expect(await verdict()).toBe(shown.verdict);

  await open.setInputFiles({
    name: 'other.json',
    mimeType: 'application/json',
    buffer: Buffer.from('{"format": "other"}'),
  });
  await page.getByText(/other\.json is not an evaluation of Graft/).waitFor(WAIT);
  expect(await verdict()).toBe(shown.verdict);
  expect(studio.problems).toEqual([]);
});

/** The answers under the tables, and what they are filtered by. */
const answers = () => page.getByRole('region', { name: 'The answers, side by side' });
const filters = () => answers().getByRole('group', { name: 'Filters of the answers' });

test('answers are filtered by slices and parts, ordered by a score, and each filter goes by keyboard', async () => {
  await scores().waitFor(WAIT);
  const all = await questions();
  await answers().getByText('Scores of slices: which rows go wrong').click();
  const slices = answers().getByRole('region', { name: 'Slices of the rows' });
  const line = slices.getByRole('row').filter({ has: page.getByRole('button', { name: 'no', exact: true }) });
  await line.waitFor();
  // Rows, and the share of both models with its interval.
  expect(await line.innerText()).toMatch(/^no\s+\d\s+(\d+%\s+\d+% to \d+%\s*){2}$/);
  const [, rows] = /^no\s+(\d)/.exec(await line.innerText())!;
  await slices.getByRole('button', { name: 'no', exact: true }).click();
  expect(await filters().innerText()).toMatch(new RegExp(`^${rows} of 6 rows:\\s+label “no”`));
  expect(await questions()).toHaveLength(Number(rows));
  await answers()
    .getByRole('button', { name: /^differ from the reference/ })
    .click();
  expect(await filters().getByRole('button').count()).toBe(3);

  await filters().getByRole('button', { name: 'Remove the filter: label “no”' }).focus();
  await page.keyboard.press('Enter');
  expect(await filters().innerText()).toMatch(/differ from the reference/);
  expect(await filters().innerText()).not.toMatch(/label/);
  expect(await page.evaluate(() => document.activeElement?.textContent)).toMatch(/of 6 rows:/);
  await answers().getByLabel('Order', { exact: true }).selectOption('most damaged first');
  await answers().getByLabel('by', { exact: true }).selectOption('a number');
  await slices.getByText('Mean of “a number” over the rows of each slice').waitFor();
  await answers().getByLabel('by', { exact: true }).selectOption('Token F1');

  await answers().getByRole('button', { name: 'Loss of each token' }).first().click();
  const tokens = answers().getByRole('toolbar', { name: 'Tokens of the reference, with their losses' });
  await tokens.waitFor(WAIT);
  const heats = await tokens.getByRole('button').allTextContents();
  for (const heat of heats) expect(heat).toMatch(/, Base model\s*\d+\.\d\s*, yes 1\s*\d+\.\d$/);
  await tokens.getByRole('button', { pressed: true }).focus();
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowLeft');
  // The first token of the reference, whose rivals are listed with both probabilities.
  const rivals = answers().getByRole('table', { name: /^In place of/ });
  expect(await rivals.getByRole('row').count()).toBeGreaterThan(10);
  expect(await rivals.innerText()).toMatch(/token\s+Base model\s+yes 1\s/);
  await answers().getByText('As a table', { exact: true }).click();
  const table = answers().getByRole('table', { name: 'Loss of each token of the reference in nats' });
  expect(await table.getByRole('row').count()).toBe(1 + heats.length);
  expect(await inspect(page, 'errors')).toEqual([]);
  await slices.getByRole('button', { name: 'no', exact: true }).click();
  const every = answers().getByRole('button', { name: /^all / });
  expect(await every.getAttribute('aria-pressed')).toBe('false');
  await every.click();
  expect(await every.getAttribute('aria-pressed')).toBe('true');
  await answers().getByLabel('Order', { exact: true }).selectOption('as in the file');
  expect(await questions()).toEqual(all);
  expect(studio.problems).toEqual([]);
});

test('an error becomes a training row or a pair, but no copy of a test question, and each step is undone', async () => {
  await answers()
    .getByRole('button', { name: /^differ from the reference/ })
    .click();
  await answers().getByRole('button', { name: 'Train on this' }).first().click();
  const form = answers().getByRole('form', { name: 'Train on this question' });
  const question = form.getByLabel('Prompt', { exact: true });
  await question.waitFor();
  const asked = await question.inputValue();
  expect(asked).toMatch(/^Say \d+$/);
  const add = form.getByRole('button', { name: 'Add the row to training' });
  const pair = form.getByRole('button', { name: /^Keep as a pair against/ });
  for (const [button, text] of [
    [add, asked],
    [pair, `${asked.toUpperCase()}!`],
  ] as const) {
    await question.fill(text);
    await button.click();
    await form.getByText(/The test part asks this question\..* leak/).waitFor();
  }
  expect(await inspect(page, 'train-on')).toEqual([]);
  expect(await factOf(page, 'Data')).toMatch(/^Data\s+60 rows/);

  await question.fill('Say it again, and in other words');
  await add.click();
  await answers()
    .getByText(/^A training row is added\. It is version \d/)
    .waitFor(WAIT);
  await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/^Data\s+61 rows/);
  const undo = answers().getByRole('button', { name: 'Undo' });
  await undo.click();
  await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/^Data\s+60 rows/);

  await pair.click();
  await answers().getByText('A pair is kept with your preferences under Use.').waitFor();
  await undo.click();
  await pair.click();
  await undo.waitFor();
  await goTo(page, 'use');
  await page.getByText(/^1 pair for training, 1 answer written by you/).waitFor(WAIT);
  await page.getByText('Every pair').click();
  await page.getByRole('button', { name: 'Take pair 1 out' }).click();

  // A replacement in test rows would make a better result, and is refused. This pattern is tried in a thread of its own first.
  await goTo(page, 'data');
  await page.getByText('Find and replace', { exact: true }).click();
  await page.getByLabel('Find', { exact: true }).fill('(S|a|y)+ ');
  await page.getByLabel('Replace with', { exact: true }).fill('Tell ');
  await page.getByRole('checkbox', { name: 'regular expression' }).check();
  await page.getByRole('button', { name: /^Replace in \d+ rows/ }).click();
  await page.getByText(/^This would change the rows of the test part/).waitFor(WAIT);
  expect(await page.getByRole('button', { name: 'Unlock the test part' }).count()).toBe(2);
  // So is another test part for the same rows.
  await page.getByLabel('Open a file').setInputFiles({
    ...{ name: 'other-test.jsonl', mimeType: 'application/x-ndjson' },
    buffer: Buffer.from(JSON.stringify({ prompt: 'Say nothing', completion: 'so' })),
  });
  await page.getByRole('button', { name: /^Test rows/ }).click();
  const unlocks = page.getByRole('button', { name: 'Unlock the test part and read the rows like this' });
  await unlocks.waitFor(WAIT);
  await page.getByRole('button', { name: 'Put away' }).click();

  await goTo(page, 'evaluate');
  await answers().getByRole('button', { name: 'Train on this' }).first().click();
  await form.getByRole('button', { name: 'Move the test row to training' }).click();
  // Fewer rows that were answered wrong would make a better result.
  await answers()
    .getByText(/This would change the rows of the test part, which was looked at \w+/)
    .waitFor(WAIT);
  await answers().getByRole('button', { name: 'Unlock the test part and move the row' }).click();
  await answers()
    .getByText(/the test part has one row fewer/)
    .waitFor(WAIT);
  await undo.click();
  await expect.poll(() => undo.count(), WAIT).toBe(0);
  expect(studio.problems).toEqual([]);
});

test('two methods are judged blind by keyboard, also after a reload, and the report has the result', async () => {
  const judged = page.getByRole('region', { name: 'Judged by you' });
  await judged.getByRole('button', { name: 'Judge them blind' }).click();
  const pair = judged.getByRole('article', { name: 'Two answers without names' });
  await pair.getByText('Row 1 of 6').waitFor();
  expect(await pair.innerText()).not.toMatch(/Base model|yes 1/);
  expect(await inspect(page, 'blind')).toEqual([]);
  await pair.focus();
  for (const [at, key] of ['1', '2', '0'].entries()) {
    await page.keyboard.press(key);
    await pair.getByText(`Row ${at + 2} of 6`).waitFor();
  }
  await page.keyboard.press('Backspace');
  await pair.getByText('Row 3 of 6').waitFor();
  await page.reload();
  await judged.getByRole('button', { name: 'Continue judging after 2 rows' }).click(WAIT);
  await pair.getByText('Row 3 of 6').waitFor();
  for (const at of [4, 5, 6]) {
    await page.keyboard.press('0');
    await pair.getByText(`Row ${at} of 6`).waitFor();
  }
  await page.keyboard.press('1');
  await pair.getByText('All rows are judged.').waitFor();
  await pair.getByRole('button', { name: 'Show the names' }).click();
  const result = judged.getByText(/“Base model” wins \d and “yes 1” \d of 3 rows with a winner: .* 3 ties\./);
  await result.waitFor();
  const { blind } = JSON.parse((await exported())['report.json']) as { blind: { wins: number[] }[] };
  expect(blind).toHaveLength(1);
  expect(blind[0].wins[0] + blind[0].wins[1]).toBe(3);
  await page.reload();
  await result.waitFor(WAIT);
  const byModel = page.getByRole('region', { name: /^Judged by a model/ });
  await byModel.getByRole('button', { name: 'Let Sprig judge' }).click(WAIT);
  await byModel.getByText('The judge and a person both judged 6 pairs').waitFor(WAIT);
  expect(await inspect(page, 'judged')).toEqual([]);
  const { judged_by_model: byJudge } = JSON.parse((await exported())['report.json']) as {
    judged_by_model: { judged: number; agreement: { pairs: number } }[];
  };
  expect(byJudge).toMatchObject([{ judged: 6, agreement: { pairs: 6 } }]);
  await goTo(page, 'data');
  await page.getByRole('button', { name: /^Look for wrong labels with/ }).click(WAIT);
  await page
    .locator('main')
    .getByText(/” (?:doubts \d+|finds none) of \d+ labels/)
    .waitFor(WAIT);
  expect(studio.problems).toEqual([]);
});

test('answers are chosen among the labels, with accuracy, confusion and a reliability diagram that has a table', async () => {
  await goTo(page, 'evaluate');
  const by = page.getByRole('group', { name: 'Answer by' });
  await by.getByRole('radio', { name: 'choosing among the labels by likelihood' }).check(WAIT);
  await page.getByText('Choosing reads the question once').waitFor();
  await page.getByRole('button', { name: 'Measure again' }).click();
  const chosen = page.getByRole('region', { name: 'Chosen by likelihood' }).first();
  await chosen.waitFor(WAIT);
  expect(await verdict()).toMatch(/Each answer is the likeliest of the 2 labels of the data/);
  for (const heading of [/accuracy/i, /macro-F1/i]) expect(await table()).toMatch(heading);
  // Every answer is a label now, so the confusion matrix has no other column.
  await answers().getByText('Which label yes 1 takes for which').click();
  const confusion = answers().getByRole('table', { name: /^Rows by the reference label/ });
  expect(await confusion.getByRole('columnheader').allInnerTexts()).toEqual(['reference', 'no', 'yes']);

  const report = JSON.parse((await exported())['report.json']) as {
    methods: { choices?: { expected_calibration_error: number; brier_score: number } }[];
  };
  const errors = report.methods.flatMap(({ choices }) => choices ?? []);
  expect(errors.length).toBeGreaterThan(2);
  const drawn = chosen.getByRole('img', { name: /^Reliability diagram of 6 rows: calibration error/ });
  expect(await drawn.count()).toBe(errors.length);
  await chosen.getByText('The numbers of these diagrams').click();
  const numbers = chosen.getByRole('table', { name: 'Methods that chose their answers by likelihood' });
  const lines = await numbers.locator('tbody tr').allInnerTexts();
  for (const [at, { expected_calibration_error: error, brier_score: brier }] of errors.entries()) {
    const cells = lines[at].split(/\s*\t\s*/);
    expect(Number(cells.at(-2))).toBeCloseTo(error, 2);
    expect(Number(cells.at(-1))).toBeCloseTo(brier, 2);
  }
  expect(await inspect(page, 'chosen')).toEqual([]);
  await page.reload();
  await expect.poll(() => drawn.count(), WAIT).toBe(errors.length);
  expect(await by.getByRole('radio', { name: /^choosing among the labels/ }).isChecked()).toBe(true);
  expect(studio.problems).toEqual([]);
});

test('few rows are cross-validated: paused, continued after a reload, and shown as one measurement', async () => {
  await goTo(page, 'start');
  await page.getByRole('region', { name: 'Projects' }).getByRole('button', { name: 'New project' }).click();
  await page.getByRole('heading', { level: 1, name: 'Data' }).waitFor(WAIT);
  const rows = Array.from({ length: 10 }, (_, i) => `Count ${i},${i % 2 === 0 ? 'even' : 'odd'}`);
  await page.getByLabel('Open a file').setInputFiles({
    name: 'few.csv',
    mimeType: 'text/csv',
    buffer: Buffer.from(['prompt,completion', ...rows].join('\n')),
  });
  await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/^Data\s+10 rows/);
  await goTo(page, 'evaluate');
  await page.getByRole('link', { name: 'Cross-validate' }).click();
  await openSettings(page);
  await page.getByLabel('Steps', { exact: true }).fill('3');
  await page.getByLabel('Warm-up, steps', { exact: true }).fill('1');
  await page.getByLabel('Folds', { exact: true }).fill('3');
  await page.getByText('3 folds of 9 rows: a run of 3 steps for each').waitFor(WAIT);
  expect(await inspect(page, 'folds-form')).toEqual([]);
  await allowSteps(engineOf(page), 4);
  await page.getByRole('button', { name: 'Cross-validate' }).click();
  await page.getByText(/^Fold 2 of 3, step 1 of 3/).waitFor(WAIT);
  await page
    .getByRole('group', { name: 'This cross-validation' })
    .getByRole('button', { name: 'Pause' })
    .click();
  await allowSteps(engineOf(page), Infinity);
  await page.getByText(/^Paused\. Runs that are done stay/).waitFor(WAIT);
  await page.reload();
  await page.getByRole('button', { name: /^Continue the cross-validation/ }).click(WAIT);
  await page.getByRole('button', { name: 'Show the verdict' }).waitFor(WAIT);
  const folds = page.getByRole('region', { name: 'Table of folds' });
  expect(await folds.locator('tbody tr').allInnerTexts()).toEqual([
    ...[1, 2, 3].map(
      (fold) => expect.stringMatching(new RegExp(`^${fold}\\s+3 of 3.*of 3.*measured$`, 's')) as string,
    ),
  ]);
  expect(await inspect(page, 'folds')).toEqual([]);
  await page.getByRole('button', { name: 'Show the verdict' }).click();
  await page.getByText('9 rows in 3 folds: each was answered by the adapter').waitFor(WAIT);
  expect(await inspect(page, 'folds-verdict')).toEqual([]);
  const { evaluation: record } = JSON.parse((await exported())['report.json']) as {
    evaluation: { made: { folds: number }; items: { row: number; fold: number }[] };
  };
  expect(record.made.folds).toBe(3);
  expect(record.items.map(({ row }) => row).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  await page.getByRole('button', { name: 'Close it' }).click();
  // The adapters of the folds are in no library.
  expect(await factOf(page, 'Use')).not.toMatch(/few/);
  expect(studio.problems).toEqual([]);
});
