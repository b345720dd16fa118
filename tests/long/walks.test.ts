/**
 * Five kinds of data from their file to the verdict, in the page and nothing else: labels, calculations, unbalanced mails, recipes as conversations, and
 * notes as text. Each exported verdict is computed again by scripts/recompute.py. With `GRAFT_TEST_PICTURES=1` every screen on the way is in
 * test-results/screens.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { unzipSync } from 'fflate';
import type { Page } from 'playwright-core';
import { afterAll, expect, test } from 'vitest';
import { closePages, openWide } from '../browser/chromium.ts';
import { downloadOf, factOf, goTo, inspect } from '../browser/looks.ts';
import { temporaryFolder } from '../engine/graft-command.ts';
import { sharedJsonl, sharedPath, testShared } from '../shared.ts';

afterAll(closePages);
const folder = temporaryFolder();

/** Training and measuring with the defaults of the page, on a busy machine. */
const LONG = { timeout: 900_000 };

interface Walk {
  readonly file: string;
  readonly text: string;
  /** What Data says that it has read. */
  readonly read: RegExp;
  /** What the columns are, if the page asks. */
  readonly columns?: Readonly<Record<string, string>>;
  /** Titles among the findings. */
  readonly findings: readonly RegExp[];
  /** What the verdict is about. */
  readonly verdict: RegExp;
  /** What the script in Python computes again. */
  readonly recomputed: RegExp;
}

const isPython = spawnSync('python3', ['--version']).status === 0;
if (!isPython) console.warn('SKIPPED: no verdict is computed again, since there is no python3.');

/** Opens the file, trains with what the form proposes, measures by one press, and exports the verdict. */
async function walk(name: string, { file, text, read, columns, findings, ...expected }: Walk): Promise<void> {
  const { page, problems, close } = await openWide();
  await goTo(page, 'data');
  await page
    .getByLabel('Open a file')
    .setInputFiles({ name: file, mimeType: 'application/octet-stream', buffer: Buffer.from(text) });
  if (columns) {
    const form = page.getByRole('form', { name: /Which column is what/ });
    await form.waitFor(LONG).catch(async () => {
      throw new Error(`No columns are asked for: ${await page.locator('main').innerText()}`);
    });
    for (const [role, column] of Object.entries(columns))
      await form.getByLabel(role, { exact: true }).selectOption({ label: column });
    await form.getByRole('button', { name: 'Read these columns' }).click();
  }
  await expect.poll(() => factOf(page, 'Data'), LONG).toMatch(read);
  const found = page.getByRole('region', { name: 'Findings' });
  for (const finding of findings) await expect.poll(() => found.innerText(), LONG).toMatch(finding);
  await expect.poll(() => found.getAttribute('aria-busy'), LONG).toBe('false');
  expect(await inspect(page, `walk-${name}-data`)).toEqual([]);

  await goTo(page, 'train');
  await page.getByRole('button', { name: 'Start training' }).click();
  await page.getByText(/^Done: loss/).waitFor(LONG);
  expect(await inspect(page, `walk-${name}-train`)).toEqual([]);

  await page.getByRole('link', { name: 'Measure it' }).click();
  const verdict = (): Promise<string> => page.locator('header.verdict').innerText();
  await expect.poll(verdict, LONG).toMatch(expected.verdict);
  expect(await inspect(page, `walk-${name}-evaluate`)).toEqual([]);
  const said = await recompute(page, name);
  if (isPython) {
    expect(said).toMatch(expected.recomputed);
    expect(said).toMatch(/All numbers that were computed again are the same\.\n$/);
  }
  expect(problems).toEqual([]);
  await close();
}

/** Exports the verdict and computes it again. @returns what the script says, '' without Python */
async function recompute(page: Page, name: string): Promise<string> {
  const download = await downloadOf(page, () =>
    page.getByRole('button', { name: 'Export the report' }).click(),
  );
  const files = unzipSync(readFileSync(await download.path()));
  expect(Object.keys(files)).toContain('report.html');
  const record = folder(`${name}.json`);
  writeFileSync(record, files['report.json']);
  if (!isPython) return '';
  const { stdout, stderr } = spawnSync('python3', ['scripts/recompute.py', record], { encoding: 'utf8' });
  return stdout + stderr;
}

const lines = (rows: readonly object[]): string => rows.map((row) => JSON.stringify(row)).join('\n');

testShared('ten labels of bank customers’ questions, from CSV', async () => {
  const [head, ...rows] = readFileSync(sharedPath('datasets', 'banking77_train.csv'), 'utf8')
    .trim()
    .split(/\r?\n/);
  const labels = ['card_arrival', 'exchange_rate', 'lost_or_stolen_card', 'top_up_failed', 'age_limit'];
  const plain = rows.filter(
    (row) => !row.startsWith('"') && labels.some((label) => row.endsWith(`,${label}`)),
  );
  const few = labels.flatMap((label) => plain.filter((row) => row.endsWith(`,${label}`)).slice(0, 30));
  await walk('bank', {
    ...{ file: 'bank.csv', text: [head, ...few].join('\n') },
    ...{ read: /150 rows/, columns: { Prompt: 'text', 'Reference answer': 'category' } },
    findings: [],
    ...{ verdict: /of \d+ held-out rows exactly right/, recomputed: /adapter against base|exact p/ },
  });
});

testShared('calculations in words, from JSONL', async () => {
  const rows = sharedJsonl<object>('datasets', 'gsm8k_test.jsonl').slice(0, 60);
  await walk('gsm8k', {
    ...{ file: 'gsm8k.jsonl', text: lines(rows), read: /60 rows/, findings: [] },
    columns: { Prompt: 'question', 'Reference answer': 'answer' },
    ...{ verdict: /perplexity \S+ → \S+/, recomputed: /./ },
  });
});

test('mails of five unbalanced kinds, with a card number and a contradiction, from CSV', async () => {
  const kinds = [
    ...['refund', 'delivery', 'login', 'invoice', 'praise'].map((label, kind) => ({ label, kind })),
  ];
  const counts = [53, 48, 30, 18, 10];
  const subjects = [
    ...['my money back for order', 'where is parcel', 'I cannot log in, account', 'the bill for order'],
    'thank you for order',
  ];
  const rows = kinds.flatMap(({ label, kind }) =>
    Array.from({ length: counts[kind] }, (_, at) => `"Hello, ${subjects[kind]} ${1000 + 37 * at}.",${label}`),
  );
  rows.push(
    '"Hello, my money back for order 1000.",delivery',
    '"My card is 4111 1111 1111 1111, please refund.",refund',
  );
  await walk('mails', {
    ...{ file: 'mails.csv', text: ['mail,kind', ...rows].join('\n'), read: /161 rows/ },
    columns: { Prompt: 'mail', 'Reference answer': 'kind' },
    findings: [/card number/i, /different answers|contradict/i],
    ...{ verdict: /of \d+ held-out rows exactly right/, recomputed: /exact p/ },
  });
});

test('recipes as conversations with a system message, from JSONL', async () => {
  const dishes = ['soup', 'salad', 'bread', 'stew', 'pie', 'rice', 'cake', 'pasta'];
  const things = ['beans', 'leeks', 'apples', 'onions', 'corn', 'peas', 'plums', 'nuts', 'figs', 'eggs'];
  const rows = dishes.flatMap((dish) =>
    things.map((thing) => ({
      messages: [
        { role: 'system', content: 'You are a cook. Answer in one line.' },
        { role: 'user', content: `What do I need for ${dish} with ${thing}?` },
        { role: 'assistant', content: `For ${dish}: ${thing}, salt, water.` },
        { role: 'user', content: 'And how long does it take?' },
        { role: 'assistant', content: `The ${dish} takes ${10 + dish.length * 5} minutes.` },
      ],
    })),
  );
  await walk('recipes', {
    ...{ file: 'recipes.jsonl', text: lines(rows), read: /80 rows/, findings: [] },
    ...{ verdict: /held-out rows/, recomputed: /exact/ },
  });
});

test('notes without questions, from a text file', async () => {
  const verbs = ['saw', 'cut', 'watered', 'planted', 'moved', 'counted', 'found', 'tied'];
  const notes = Array.from({ length: 96 }, (_, at) => {
    const day = `Day ${at + 1}.`;
    return `${day} In the morning I ${verbs[at % 8]} the roses by the wall. It was ${at % 3 ? 'dry' : 'wet'}.\nLater I ${verbs[(at * 3) % 8]} ${2 + (at % 7)} old pots and went home.`;
  });
  await walk('notes', {
    ...{ file: 'notes.txt', text: notes.join('\n\n'), read: /96 rows/ },
    // Such notes repeat each other, and the verdict says so.
    findings: [/outside of the test have test prompts/],
    verdict: /perplexity.*outside of the test have test prompts\..*flatter the adapter/s,
    recomputed: /./,
  });
});
