/** From blind votes and a corrected answer to the rows of a preference run: names hidden until the vote, pairs that outlive the page. */
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closePages, openWide, type WatchedPage } from './chromium.ts';
import { downloadOf, openSettings, factOf, goTo, inspect, WAIT } from './looks.ts';

const QUESTIONS = ['Who lives here?', 'What is the weather?', 'Tell me a story.', 'Where is the dog?'];

let studio: WatchedPage;
let page: Page;
beforeAll(async () => {
  studio = await openWide();
  ({ page } = studio);
});
afterAll(closePages);

const pairs = () => page.getByRole('region', { name: 'Your preferences' });
const voteOf = (question: string) => page.getByRole('article', { name: `Blind answers to ${question}` });

/** Asks, and waits until both answers can be voted on. */
async function ask(question: string): Promise<void> {
  await page.getByLabel('Prompt for both').fill(question);
  await page.getByLabel('Prompt for both').press('Enter');
  await voteOf(question)
    .getByRole('button', { name: /The first is better/ })
    .waitFor(WAIT);
}

test('two samples of a model are shown without names, and a key votes for the better one', async () => {
  await goTo(page, 'use');
  await page.locator('summary', { hasText: 'Sampling' }).click();
  await page.getByRole('spinbutton', { name: 'Temperature' }).fill('2');
  await page.getByRole('spinbutton', { name: 'Maximum new tokens' }).fill('12');
  await page.getByLabel(/Vote blind/).check();
  await ask(QUESTIONS[0]);
  const vote = voteOf(QUESTIONS[0]);
  expect(await vote.innerText()).not.toMatch(/base|Sprig/i);
  expect(await inspect(page, 'blind-vote')).toEqual([]);
  // The keys would go to a stage otherwise.
  await vote.focus();
  await page.keyboard.press('1');
  await page.getByText(/You found the answer of .* better; it stood first/).waitFor();
  // The next question can be written at once.
  await expect.poll(() => page.locator(':focus').getAttribute('id')).toBe('chat-prompt');
  await expect.poll(() => pairs().innerText()).toMatch(/1 pair for training/);

  await ask(QUESTIONS[1]);
  await page.keyboard.press('2');
  await expect.poll(() => pairs().innerText()).toMatch(/2 pairs for training/);
  await ask(QUESTIONS[2]);
  await voteOf(QUESTIONS[2])
    .getByRole('button', { name: /No difference/ })
    .click();
  await expect.poll(() => pairs().innerText()).toMatch(/2 pairs for training, 1 vote without a difference/);
  expect(studio.problems).toEqual([]);
});

test('a corrected answer is preferred to the given one', async () => {
  await page
    .getByRole('button', { name: /^What it should have said: the answer of / })
    .first()
    .click();
  await page.getByLabel(/should have said$/).fill('An old cat lives here.');
  await page.getByRole('button', { name: 'Put it in the queue' }).click();
  await page.getByText('corrected, in the queue below').waitFor();
  // The field is gone, and the focus is where it was opened.
  await expect
    .poll(() => page.locator(':focus').getAttribute('aria-label'))
    .toMatch(/^What it should have said: the answer of /);
  await expect.poll(() => pairs().innerText()).toMatch(/3 pairs for training.*1 answer written by you/s);
});

test('pairs and an open vote survive a reload, and the pairs are rows as a file', async () => {
  await ask(QUESTIONS[3]);
  const before = await voteOf(QUESTIONS[3]).locator('.text').allInnerTexts();
  await page.reload();
  await voteOf(QUESTIONS[3])
    .getByRole('button', { name: /The first is better/ })
    .waitFor(WAIT);
  expect(await voteOf(QUESTIONS[3]).locator('.text').allInnerTexts()).toEqual(before);
  await expect.poll(() => pairs().innerText(), WAIT).toMatch(/3 pairs for training/);
  const download = await downloadOf(page, () => page.getByRole('button', { name: 'Save as JSONL' }).click());
  const rows = readFileSync(await download.path(), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>);
  expect(rows.map(({ prompt }) => prompt)).toEqual([QUESTIONS[0], QUESTIONS[1], QUESTIONS[0]]);
  expect(rows[2].chosen).toBe('An old cat lives here.');
  expect(rows.every(({ chosen, rejected }) => chosen !== rejected)).toBe(true);
});

test('a preference run learns from the pairs', async () => {
  await page.getByRole('button', { name: 'Open them as training rows' }).click();
  await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/^Data\s+3 rows/);
  await page.getByText('3 pairs of a chosen and a rejected answer.').waitFor();
  await goTo(page, 'train');
  await openSettings(page);
  await expect.poll(() => page.getByLabel('Objective', { exact: true }).inputValue()).toBe('dpo');
  await page.getByLabel('Steps', { exact: true }).fill('2');
  await page.getByLabel('Warm-up, steps', { exact: true }).fill('0');
  await page.getByLabel('Validate every … steps', { exact: true }).fill('0');
  await page.getByLabel(/^Answer every/).fill('0');
  await page.getByRole('button', { name: 'Start training' }).click();
  await page.getByText(/^Done: loss/).waitFor(WAIT);
  expect(studio.problems).toEqual([]);
});
