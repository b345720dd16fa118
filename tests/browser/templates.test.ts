/** Instruction templates on the page: reviews and stars become instruction rows by two presses, with their phrasings in view. */
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closePages, openWide, type WatchedPage } from './chromium.ts';
import { downloadOf, goTo, inspect, WAIT } from './looks.ts';

const reviews = [
  'review,stars',
  ...Array.from({ length: 30 }, (_, i) => `"Order ${i} came late.",${(i % 5) + 1}`),
];

let studio: WatchedPage;
let page: Page;
beforeAll(async () => {
  studio = await openWide();
  ({ page } = studio);
});
afterAll(closePages);

const form = () => page.getByRole('form', { name: /^Which column is what/ });
const prompt = () => form().getByLabel('Template of the prompt');

test('one press writes the phrasings of a task, and shows the first rows as they will be read', async () => {
  await goTo(page, 'data');
  await page.getByLabel('Open a file').setInputFiles({
    name: 'reviews.csv',
    mimeType: 'text/csv',
    buffer: Buffer.from(reviews.join('\n')),
  });
  await form().getByRole('button', { name: 'Rate a review' }).click(WAIT);
  await expect.poll(() => prompt().inputValue()).toMatch(/from 1 to 5[\s\S]*\{\{or\}\}[\s\S]*\{\{review\}\}/);
  await form().getByText('6 phrasings; each row gets one').waitFor();
  // The preview has the phrasing that each row gets.
  const read = form().getByRole('region', { name: 'The first 3 rows' });
  await expect.poll(() => read.innerText()).toMatch(/Order 0 came late\.\s+Which rating from 1 to 5 goes/);
  const before = await read.innerText();
  await form().getByRole('button', { name: 'Draw them otherwise' }).click();
  await expect.poll(() => prompt().inputValue()).toContain('{{or 1}}');
  expect(await read.innerText()).not.toBe(before);
  // Words of a person stand in every phrasing.
  await form().getByLabel('The best rating').fill('10');
  await expect.poll(() => prompt().inputValue()).not.toContain('from 1 to 5');
  expect(await inspect(page, 'templates')).toEqual([]);
});

test('the page asks for a placeholder that no column suits', async () => {
  await form().getByRole('button', { name: 'Answer from a text' }).click();
  await form().getByText('Choose what is “').waitFor();
  await form().getByLabel('Text', { exact: true }).selectOption('review');
  await form().getByLabel('Question', { exact: true }).selectOption('review');
  await form().getByLabel('Answer', { exact: true }).selectOption('stars');
  await expect.poll(() => prompt().inputValue()).toContain('Answer the question from the text.');
  await form().getByRole('button', { name: 'Rate a review' }).click();
  await expect.poll(() => prompt().inputValue()).toContain('{{or 1}}');
});

test("a person's own template is kept, listed, applied, saved and deleted", async () => {
  await form().getByText('Templates of your own').click();
  const name = form().getByLabel('Keep what is written below as');
  const written = await prompt().inputValue();
  await name.fill('My stars');
  await name.press('Enter');
  const mine = form().getByRole('button', { name: 'My stars', exact: true });
  await mine.waitFor();
  await prompt().fill('{{review}} How many stars?');
  await mine.click();
  await expect.poll(() => prompt().inputValue()).toBe(written);
  const saved = await downloadOf(page, () =>
    form().getByRole('button', { name: 'Save as a file: My stars' }).click(),
  );
  const text = readFileSync((await saved.path())!, 'utf8');
  expect(JSON.parse(text)).toMatchObject({ answer: 'stars' });
  // A file of another place is listed under its own name; what is no template says how one looks.
  const open = form().getByLabel('Open a template');
  await open.setInputFiles({ name: 'theirs.json', mimeType: 'application/json', buffer: Buffer.from(text) });
  await form().getByRole('button', { name: 'theirs', exact: true }).waitFor();
  await open.setInputFiles({ name: 'odd.json', mimeType: 'application/json', buffer: Buffer.from('[]') });
  await form().getByText('odd.json is not a template.').waitFor();
  expect(await inspect(page, 'own-templates')).toEqual([]);
  await form().getByRole('button', { name: 'Forget theirs' }).click();
  await form().getByRole('button', { name: 'theirs', exact: true }).waitFor({ state: 'detached' });
  await form().getByRole('button', { name: 'Rate a review' }).click();
});

test('the second press reads the rows', async () => {
  await form().getByRole('button', { name: 'Read these columns' }).click();
  await page.getByRole('heading', { name: '30 rows' }).waitFor(WAIT);
  const tokens = page.getByRole('slider', { name: 'Tokens of this row' });
  await expect.poll(() => tokens.innerText()).toMatch(/Review: Order 0 came late[\s\S]*Rating \(1 to 5\):/);
  expect(studio.problems).toEqual([]);
});
