/** ORPO, SimPO and KTO from a file of rows to the comparison with the base model, one after the other in one page. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closePages, openWide, type WatchedPage } from './chromium.ts';
import { factOf, goTo, openSettings, WAIT } from './looks.ts';

interface Talk {
  messages: { role: string; content: string }[];
}
const talks = readFileSync(join(import.meta.dirname, '../../public/samples/voice/train.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .slice(0, 20)
  .map((line) => JSON.parse(line) as Talk);
/** The answers of a sample against one and the same text: every step makes that text less likely beside any answer, on rows of training and on others. */
const pairs = talks.map(({ messages }) => ({
  prompt: messages[0].content,
  chosen: messages[1].content,
  rejected: 'I will not tell you that.',
}));
const judged = pairs.map(({ prompt, chosen, rejected }, i) => ({
  prompt,
  completion: i % 2 === 0 ? chosen : rejected,
  label: i % 2 === 0,
}));

let studio: WatchedPage;
let page: Page;
beforeAll(async () => {
  studio = await openWide();
  ({ page } = studio);
});
afterAll(closePages);

async function openRows(name: string, rows: readonly object[]): Promise<void> {
  await goTo(page, 'data');
  await page.getByLabel('Open a file').setInputFiles({
    name,
    mimeType: 'application/octet-stream',
    buffer: Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n')),
  });
}

/** Three steps with an objective, and what they report. */
async function train(objective: string): Promise<string> {
  await goTo(page, 'train');
  const again = page.getByRole('button', { name: 'New run' });
  if (await again.isVisible()) await again.click();
  await openSettings(page);
  const choice = page.getByLabel('Objective', { exact: true });
  await choice.selectOption(objective);
  if (objective === 'simpo') {
    // What is usual with it, unless a person has chosen otherwise.
    await expect.poll(() => page.getByLabel('Beta', { exact: true }).inputValue()).toBe('2');
    await page.getByLabel('Target margin', { exact: true }).waitFor();
  }
  await page.getByLabel('Steps', { exact: true }).fill('3');
  await page.getByLabel('Warm-up, steps', { exact: true }).fill('0');
  await page.getByLabel('Validate every … steps', { exact: true }).fill('3');
  await page.getByRole('button', { name: 'Start training' }).click();
  await page.getByText(/^Done: loss/).waitFor(WAIT);
  return page.getByLabel('What the objective reports').innerText();
}

/** The adapter against the base model, on two rows that were kept apart. */
async function compare(): Promise<void> {
  await goTo(page, 'evaluate');
  await page.getByRole('spinbutton', { name: 'Rows' }).fill('2');
  await page.getByRole('button', { name: /^(Measure every method|Measure again)$/ }).click();
  await expect
    .poll(() => page.locator('header.verdict').innerText(), WAIT)
    .toMatch(/Training never saw them/);
}

test('ORPO learns from pairs without a reference', async () => {
  await openRows('pairs.jsonl', pairs);
  await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/^Data\s+20 rows/);
  const told = await train('orpo');
  expect(told).toMatch(/Accuracy[\s\S]*Margin[\s\S]*Rewards[\s\S]*Loss of the chosen texts/);
  expect(told).not.toContain('Drift');
  await compare();
  expect(await page.locator('header.verdict').innerText()).toMatch(
    /towards the chosen answer, away from the rejected one, in 2 of 2 pairs/,
  );
  expect(studio.problems).toEqual([]);
});

test('SimPO learns from the same pairs, with a scale of its own', async () => {
  const told = await train('simpo');
  expect(told).toMatch(/Accuracy[\s\S]*Margin[\s\S]*Rewards/);
  await compare();
  expect(studio.problems).toEqual([]);
});

test('the form suggests KTO for single answers with a label', async () => {
  await openRows('judged.jsonl', judged);
  await page.getByRole('button', { name: 'Training rows' }).click();
  await page.getByText('10 answers marked as desirable, 10 as not.').waitFor(WAIT);
  await goTo(page, 'train');
  const told = await train('kto');
  expect(told).toMatch(/Margin[\s\S]*KL to the reference[\s\S]*Rewards[\s\S]*Desirable[\s\S]*Undesirable/);
  await compare();
  expect(studio.problems).toEqual([]);
});
