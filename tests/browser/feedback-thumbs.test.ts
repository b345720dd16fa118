/** A further run with KTO on likes and dislikes, without a corrected answer, up to the comparison. */
import { mkdirSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeContexts, openChromium, openStudio, type WatchedPage } from './chromium.ts';
import { factOf, goTo, inspect, openSample, openSettings, PICTURES, WAIT } from './looks.ts';

const LIKED = ['Who lives here?', 'What is the weather?'];
const DISLIKED = ['Tell me a story.', 'Where is the ladder?'];

let browser: Browser;
let studio: WatchedPage;
let page: Page;
beforeAll(async () => {
  mkdirSync(PICTURES, { recursive: true });
  browser = await openChromium();
  studio = await openStudio(browser, { viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' });
  ({ page } = studio);
});
afterAll(() => closeContexts(browser));

const queue = () => page.getByRole('region', { name: 'Feedback' });
const further = () => page.getByRole('region', { name: 'A further short run' });
const standing = (words: string) => queue().getByRole('button', { name: new RegExp(`^${words} \\d+$`) });

/** Asks, and judges the answer of the adapter. */
async function judge(question: string, thumb: 'Good' | 'Bad'): Promise<void> {
  await page.getByRole('button', { name: 'Ask both', exact: true }).waitFor(WAIT);
  await page.getByLabel('Prompt for both').fill(question);
  await page.getByLabel('Prompt for both').press('Enter');
  const thumbs = page
    .getByRole('article', { name: `Answers to ${question}` })
    .getByRole('button', { name: new RegExp(`^${thumb} answer`) });
  await thumbs.nth(1).click(WAIT);
}

test('thumbs on the answers of an adapter are queued', async () => {
  await goTo(page, 'data');
  await openSample(page);
  await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/^Data\s+\d+ rows/);
  await goTo(page, 'train');
  await openSettings(page);
  await page.getByLabel('Steps', { exact: true }).fill('8');
  await page.getByLabel('Warm-up, steps', { exact: true }).fill('0');
  await page.getByLabel('Validate every … steps', { exact: true }).fill('8');
  await page.getByRole('button', { name: 'Start training' }).click();
  await page.getByText(/^Done: loss/).waitFor(WAIT);
  await goTo(page, 'use');
  await page.locator('summary', { hasText: 'Sampling' }).click();
  await page.getByRole('spinbutton', { name: 'Maximum new tokens' }).fill('12');
  await page.getByLabel('Keep a log of use in this project').check();
  for (const question of LIKED) await judge(question, 'Good');
  for (const question of DISLIKED) await judge(question, 'Bad');
  await expect.poll(() => standing('To look through').innerText()).toMatch(/4$/);
  for (const question of [...LIKED, ...DISLIKED])
    await queue()
      .getByRole('listitem')
      .filter({ hasText: question })
      .getByRole('button', { name: /^Accept/ })
      .click();
  await expect.poll(() => standing('Accepted').innerText()).toMatch(/4$/);
});

const place = (name: string) =>
  page
    .getByRole('list', { name: /^Use, rows, tune, measure/ })
    .getByRole('listitem')
    .filter({ hasText: name });

test('the circle counts the logged answers, opens a log of graft serve, and puts what went wrong in the queue', async () => {
  await page.getByRole('link', { name: /8 answers logged/ }).click();
  await page.getByRole('heading', { name: 'The circle of use' }).waitFor(WAIT);
  await place('Use').getByText('8 answers logged').waitFor(WAIT);
  await place('Use').getByText('2 thumbs down').waitFor();
  await place('Rows').getByText('4 rows made since the last run').waitFor();
  await place('Measure').getByRole('link', { name: 'Measure it' }).waitFor();
  const used = (prompt: string, answer: string): string =>
    `${JSON.stringify({ model: 'voice', prompt, answer, finish_reason: 'stop' })}\n`;
  await page.getByLabel('Open log files').setInputFiles({
    name: 'used.jsonl',
    mimeType: 'application/octet-stream',
    buffer: Buffer.from(used('What does the invoice say?', 'I am sorry, I cannot say.').repeat(2)),
  });
  await page.getByText('used.jsonl has 2 answers, 1 of them new here.').first().waitFor(WAIT);
  await page.getByText(/refused 1 \(/).waitFor(WAIT);
  await page.getByRole('figure', { name: 'Topics of questions' }).waitFor();
  expect(await inspect(page, 'circle')).toEqual([]);
  const put = page.getByRole('button', { name: /^Put \d+ answers? in the queue of feedback$/ });
  await put.click();
  await page.getByText(/All of them are in the queue/).waitFor(WAIT);
  await page.getByRole('button', { name: 'Undo', exact: true }).click();
  await put.waitFor(WAIT);
  await goTo(page, 'use');
  await expect.poll(() => standing('Accepted').innerText(), WAIT).toMatch(/4$/);
});

test('a supervised run ignores dislikes, and KTO learns from likes and dislikes', async () => {
  await further()
    .getByText(/2 entries, \d+ steps/)
    .waitFor(WAIT);
  await further()
    .getByText(/2 accepted dislikes have no correction/)
    .waitFor();
  await further().getByLabel('Learns from').selectOption('kto');
  await further()
    .getByText(/4 entries, \d+ steps/)
    .waitFor();
  expect(
    await further()
      .getByText(/no correction/)
      .count(),
  ).toBe(0);
  await further().getByLabel('Steps', { exact: true }).fill('6');
  await further().getByLabel('Steps', { exact: true }).press('Tab');
  await further()
    .getByText(/4 entries, 6 steps/)
    .waitFor();
  await further().getByRole('button', { name: 'Train a further short run' }).click();
  await further().getByText('Keep “').waitFor(WAIT);
  await further()
    .getByText(/^(▲|▼|≈|=) .*(exactly right|perplexity)/)
    .waitFor(WAIT);
  expect(await further().getByRole('row').count()).toBe(3);
  await expect.poll(() => standing('Taught').innerText()).toMatch(/4$/);
  expect(await inspect(page, 'feedback-thumbs')).toEqual([]);
});

test('the further run used KTO, and one press puts its adapter in use', async () => {
  await goTo(page, 'train');
  const told = page.getByLabel('What the objective reports');
  await expect
    .poll(() => told.innerText(), WAIT)
    .toMatch(/Margin[\s\S]*KL to the reference[\s\S]*Desirable[\s\S]*Undesirable/);
  await goTo(page, 'use');
  await further().getByRole('button', { name: 'Use it from now on' }).click(WAIT);
  await further()
    .getByText(/took the place of/)
    .waitFor();
  await expect
    .poll(() => page.getByLabel('Right side').locator('option:checked').innerText())
    .toMatch(/^feedback 1/);
  expect(studio.problems).toEqual([]);
});
