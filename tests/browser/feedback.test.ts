/** From an answer in Use to an adapter that learnt from what was said of it: the queue, its review, the further run, and who decides. */
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { closePages, openWide, type WatchedPage } from './chromium.ts';
import { downloadOf, factOf, goTo, inspect, openSample, WAIT } from './looks.ts';

const QUESTIONS = ['Who lives here?', 'What is the weather?', 'Tell me a story.'];

let studio: WatchedPage;
let page: Page;
beforeAll(async () => {
  studio = await openWide();
  ({ page } = studio);
});
afterAll(closePages);

const queue = () => page.getByRole('region', { name: 'Feedback' });
const further = () => page.getByRole('region', { name: 'A further short run' });
const turnOf = (question: string) => page.getByRole('article', { name: `Answers to ${question}` });
const standing = (words: string) => queue().getByRole('button', { name: new RegExp(`^${words} \\d+$`) });

/** Asks, and waits until both answers can be judged. */
async function ask(question: string): Promise<void> {
  await page.getByLabel('Prompt for both').fill(question);
  // The earlier answers are there a moment before the page takes the next question.
  await page.getByRole('button', { name: 'Ask both', exact: true }).waitFor(WAIT);
  await page.getByLabel('Prompt for both').press('Enter');
  await turnOf(question)
    .getByRole('button', { name: /^Good answer/ })
    .nth(1)
    .waitFor(WAIT);
}

/** How many entries are in the queue, as the database has them. */
function kept(): Promise<number> {
  return page.evaluate(async () => {
    const done = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error!);
      });
    const database = await done(indexedDB.open('graft'));
    const count = await done(database.transaction('feedback').objectStore('feedback').count());
    database.close();
    return count;
  });
}

test('answers are judged by mouse and by keyboard, and are queued', async () => {
  await goTo(page, 'data');
  await openSample(page);
  await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/^Data\s+\d+ rows/);
  await goTo(page, 'use');
  await queue()
    .getByText(/Mark an answer as good or bad/)
    .waitFor();
  await page.locator('summary', { hasText: 'Sampling' }).click();
  await page.getByRole('spinbutton', { name: 'Maximum new tokens' }).fill('12');
  for (const question of QUESTIONS) await ask(question);
  const first = turnOf(QUESTIONS[0]);
  await first
    .getByRole('button', { name: /^Good answer/ })
    .first()
    .click();
  await expect.poll(() => standing('To look through').innerText()).toMatch(/1$/);
  // The same thumb again takes the judgement back, and the other thumb changes it.
  await first
    .getByRole('button', { name: /^Good answer/ })
    .first()
    .click();
  await queue()
    .getByText(/Mark an answer as good or bad/)
    .waitFor();
  await first
    .getByRole('button', { name: /^Good answer/ })
    .first()
    .focus();
  await page.keyboard.press('-');
  await expect
    .poll(() =>
      first
        .getByRole('button', { name: /^Bad answer/ })
        .first()
        .getAttribute('aria-pressed'),
    )
    .toBe('true');
  await page.keyboard.press('+');
  await expect
    .poll(() =>
      first
        .getByRole('button', { name: /^Good answer/ })
        .first()
        .getAttribute('aria-pressed'),
    )
    .toBe('true');

  const second = turnOf(QUESTIONS[1]);
  await second
    .getByRole('button', { name: /^Bad answer/ })
    .first()
    .focus();
  await page.keyboard.press('e');
  await page.getByLabel(/should have said$/).fill('It rains.');
  await page.keyboard.press('Control+Enter');
  await second.getByText('corrected, in the queue below').waitFor();
  await turnOf(QUESTIONS[2])
    .getByRole('button', { name: /^Bad answer/ })
    .first()
    .click();
  await expect.poll(() => standing('To look through').innerText()).toMatch(/3$/);
  await expect.poll(kept).toBe(3);
});

test('the queue is reviewed, and each step can be undone', async () => {
  expect(await inspect(page, 'feedback-queue')).toEqual([]);
  const entry = (question: string) => queue().getByRole('listitem').filter({ hasText: question });
  await entry(QUESTIONS[2])
    .getByText(/Supervised learning makes nothing of it/)
    .waitFor();
  // Entries that teach nothing are not accepted with the others.
  await queue().getByRole('button', { name: 'Accept 2 without a question' }).click();
  await expect.poll(() => standing('Accepted').innerText()).toMatch(/2$/);
  await queue().getByRole('button', { name: 'Undo: Accepted 2.' }).click();
  await expect.poll(() => standing('To look through').innerText()).toMatch(/3$/);
  await entry(QUESTIONS[0]).getByRole('button', { name: /^Edit/ }).click();
  await queue().getByLabel('What it should have said').fill('A cat lives here.');
  await queue().getByRole('button', { name: 'Keep this' }).click();
  await entry(QUESTIONS[0]).getByText('A cat lives here.').waitFor();
  await entry(QUESTIONS[0])
    .getByRole('button', { name: /^Accept/ })
    .click();
  await entry(QUESTIONS[2])
    .getByRole('button', { name: /^Reject/ })
    .click();
  await entry(QUESTIONS[1])
    .getByRole('button', { name: /^Take out/ })
    .click();
  await queue().getByText('Nothing waits to be looked through.').waitFor();
  await queue().getByRole('button', { name: 'Undo: Taken out.' }).click();
  await entry(QUESTIONS[1])
    .getByRole('button', { name: /^Accept/ })
    .click();
  await expect.poll(() => standing('Accepted').innerText()).toMatch(/2$/);
  await expect.poll(() => standing('Rejected').innerText()).toMatch(/1$/);

  const download = await downloadOf(page, () =>
    queue().getByRole('button', { name: 'Save as judged rows' }).click(),
  );
  const rows = readFileSync(await download.path(), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { completion: string; label: boolean });
  expect(rows.filter(({ label }) => label).map(({ completion }) => completion)).toEqual([
    'A cat lives here.',
    'It rains.',
  ]);
  expect(rows.filter(({ label }) => !label)).toHaveLength(2);
});

test('the queue survives a reload, and judged answers keep their judgement', async () => {
  // The model comes late, and the rows wait for it: what is written before they are open stays.
  let open!: () => void;
  const held = new Promise<void>((resolve) => (open = resolve));
  await page.route('**/models/sprig/*.safetensors', async (route) => {
    await held;
    await route.continue();
  });
  await page.reload();
  await page.getByLabel('Prompt for both').fill('Written early');
  open();
  await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/^Data\s+\d+ rows/);
  expect(await page.getByLabel('Prompt for both').inputValue()).toBe('Written early');
  await page.unroute('**/models/sprig/*.safetensors');
  await expect.poll(() => standing('Accepted').innerText(), WAIT).toMatch(/2$/);
  await expect
    .poll(() =>
      turnOf(QUESTIONS[1])
        .getByRole('button', { name: /^Bad answer/ })
        .first()
        .getAttribute('aria-pressed'),
    )
    .toBe('true');
  expect(studio.problems).toEqual([]);
});

test('one press trains a further run, which is measured and does not replace the adapter in use', async () => {
  await further().getByText('Train an adapter first, or import one').waitFor(WAIT);
  await goTo(page, 'train');
  await page.getByText(/Quick look/).click();
  await page.getByRole('button', { name: 'Start training' }).click();
  await page.getByText(/^Done: loss/).waitFor(WAIT);
  await goTo(page, 'use');
  const before = await page.getByLabel('Right side').inputValue();
  await further()
    .getByText(/2 entries, \d+ steps/)
    .waitFor(WAIT);
  // The base model gave the answers, before there was an adapter.
  await further()
    .getByText(/judges answers of the base model, but this run continues from “.+”, which is in use/)
    .waitFor(WAIT);
  expect(await inspect(page, 'feedback-before')).toEqual([]);
  await further().getByRole('button', { name: 'Train a further short run' }).click();
  await further().getByText('Keep “').waitFor(WAIT);
  await further()
    .getByText(/^(▲|▼|≈|=) .*(exactly right|perplexity)/)
    .waitFor();
  // Both answered the same rows, and the one in use still is.
  expect(await further().getByRole('row').count()).toBe(3);
  expect(await page.getByLabel('Right side').inputValue()).toBe(before);
  await expect.poll(() => standing('Taught').innerText()).toMatch(/2$/);
  await expect.poll(() => standing('Accepted').innerText()).toMatch(/0$/);
  expect(await inspect(page, 'feedback-verdict')).toEqual([]);
});

test('the choice survives a reload, and one press puts the new adapter in use', async () => {
  await page.reload();
  await further().getByRole('button', { name: 'Use it from now on' }).waitFor(WAIT);
  const before = await page.getByLabel('Right side').inputValue();
  await further().getByRole('button', { name: 'Use it from now on' }).click(WAIT);
  await further()
    .getByText(/took the place of/)
    .waitFor();
  await expect.poll(() => page.getByLabel('Right side').inputValue()).not.toBe(before);
  await expect
    .poll(() => page.getByLabel('Right side').locator('option:checked').innerText())
    .toMatch(/^feedback 1/);
  // What was corrected is what it says now.
  await page.getByRole('button', { name: 'New conversation' }).click();
  await ask(QUESTIONS[1]);
  await expect.poll(() => turnOf(QUESTIONS[1]).locator('.text').nth(1).innerText()).toMatch(/It rains/);
  expect(studio.problems).toEqual([]);
});

test('a database from before the queue existed opens unchanged', async () => {
  // A page without a worker, so that nobody holds the database.
  await page.goto(new URL('samples/index.json', inject('address')).href);
  const moved = await page.evaluate(async () => {
    const done = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error!);
      });
    const now = await done(indexedDB.open('graft'));
    const later = [
      'feedback',
      'sweeps',
      'data-steps',
      'documents',
      'document-texts',
      'document-vectors',
      'document-indexes',
    ];
    const names = [...now.objectStoreNames].filter((name) => !later.includes(name));
    const stores: {
      name: string;
      path: string | string[] | null;
      indices: { index: string; path: string | string[] }[];
      entries: [IDBValidKey, unknown][];
    }[] = [];
    for (const name of names) {
      const store = now.transaction(name).objectStore(name);
      const indices = [...store.indexNames].map((index) => ({ index, path: store.index(index).keyPath }));
      const [keys, values] = [await done(store.getAllKeys()), await done<unknown[]>(store.getAll())];
      stores.push({
        name,
        path: store.keyPath,
        indices,
        entries: keys.map((key, at) => [key, values[at]] as [IDBValidKey, unknown]),
      });
    }
    now.close();
    await done(indexedDB.deleteDatabase('graft'));
    const opening = indexedDB.open('graft', 4);
    opening.onupgradeneeded = () => {
      for (const { name, path, indices } of stores) {
        const store = opening.result.createObjectStore(name, path === null ? {} : { keyPath: path });
        for (const { index, path: of } of indices) store.createIndex(index, of);
      }
    };
    const old = await done(opening);
    for (const { name, path, entries } of stores)
      for (const [key, value] of entries) {
        const store = old.transaction(name, 'readwrite').objectStore(name);
        await done(path === null ? store.put(value, key) : store.put(value));
      }
    old.close();
    return stores.map(({ name, entries }) => `${name}: ${entries.length}`);
  });
  expect(moved).toEqual(expect.arrayContaining(['projects: 1', 'adapters: 2', 'runs: 2']));

  await page.goto(`${inject('address')}#/use`);
  // The conversation is there; what was said of it is not, and can be said.
  await turnOf(QUESTIONS[1])
    .getByRole('button', { name: /^Good answer/ })
    .first()
    .click(WAIT);
  await expect.poll(() => standing('To look through').innerText(), WAIT).toMatch(/1$/);
  await expect.poll(kept).toBe(1);
  // The page that only shows a file has no icon.
  expect(studio.problems.filter((problem) => !/404/.test(problem))).toEqual([]);
});
