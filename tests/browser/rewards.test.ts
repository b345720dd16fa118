/** The rewards of a run: chosen with their weights and fields, tried on rows in the built page, kept, and in recipe and command. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closePages, openWide, type WatchedPage } from './chromium.ts';
import { goTo, inspect, openSettings, WAIT } from './looks.ts';

const rows = Array.from({ length: 24 }, (_, i) => ({
  prompt: `What is ${i} + ${i}?`,
  completion: `It is #### ${2 * i}`,
  double: 2 * i,
}));

/** One call of a built-in function that takes days. */
const ENDLESS = '"a".repeat(1.5e7).indexOf("a".repeat(7e6) + "b")';

let studio: WatchedPage;
let page: Page;
beforeAll(async () => {
  studio = await openWide({ permissions: ['clipboard-read', 'clipboard-write'] });
  ({ page } = studio);
});
afterAll(closePages);

const rewards = () => page.getByRole('region', { name: /^Rewards/ });
const scores = () => rewards().getByRole('table');
const add = async (label: string): Promise<void> => {
  await rewards().getByLabel('Another reward').selectOption(label);
  await rewards().getByRole('button', { name: 'Add', exact: true }).click();
};

test('the form lists rewards for an objective that learns from them, and for no other', async () => {
  await goTo(page, 'data');
  await page.getByLabel('Open a file').setInputFiles({
    name: 'sums.jsonl',
    mimeType: 'application/octet-stream',
    buffer: Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n')),
  });
  await page.getByRole('heading', { name: '24 rows' }).waitFor(WAIT);
  await goTo(page, 'train');
  await openSettings(page);
  expect(await rewards().count()).toBe(0);
  await page.getByLabel('Objective', { exact: true }).selectOption('grpo');
  await rewards().getByText('Exactly right', { exact: true }).first().waitFor();
});

test('each reward has a weight and fields; it shows its own error, and no run starts', async () => {
  await rewards().getByRole('button', { name: 'Remove Exactly right' }).click();
  await page.getByRole('alert').getByText('no rewards').first().waitFor();
  await add('Number match');
  await add('Regular expression');
  await rewards().getByText('regex needs pattern').waitFor();
  const start = page.getByRole('button', { name: 'Start training' });
  expect(await start.isDisabled()).toBe(true);
  // The new reward's first field has the focus.
  await page.keyboard.type('^It is');
  await rewards().getByText('regex needs pattern').waitFor({ state: 'detached' });
  await rewards().getByLabel('Weight of Regular expression').fill('0.5');
  await rewards().getByText('The most is 1.5.').waitFor();
  await expect.poll(() => start.isEnabled()).toBe(true);
});

test('rewards score the wanted answers and typed texts at once, in the worker and its sandbox', async () => {
  await rewards().getByText('Try them on your rows').click();
  await scores().waitFor();
  await expect.poll(() => scores().innerText()).toMatch(/Reference: It is #### \d+\s+1\s+1\s+1\s+1\s+1\.5/);
  const other = rewards().getByRole('textbox', { name: 'Another answer to row 1' });
  await other.fill('It is #### 1');
  await other.press('Control+Enter');
  await rewards().getByText('4 texts scored.').waitFor();
  await expect.poll(() => scores().innerText()).toMatch(/\n\s*0\s+1\s+0\s+0\s+0\.5/);
});

test('reward code that throws is shown with its error, and code that never ends is stopped', async () => {
  await add('Your own JavaScript');
  const code = rewards().getByLabel('JavaScript', { exact: true });
  await code.fill('completion.length < 13 ? missing : 0');
  await rewards().getByRole('button', { name: 'Score these texts' }).click();
  await rewards()
    .getByText(/javascript: ReferenceError/)
    .first()
    .waitFor();
  await code.fill('(() => { for (;;); })()');
  await rewards().getByText('The rewards have changed since.').waitFor();
  await rewards().getByRole('button', { name: 'Score these texts' }).click();
  await rewards().getByText('does not end within 2,000,000 steps').first().waitFor();
  // One call of a built-in function is one step, however long it takes: the interpreter's thread is ended.
  await code.fill(`completion === "It is #### 1" ? ${ENDLESS} : 0`);
  await rewards().getByText('The rewards have changed since.').waitFor();
  await rewards().getByRole('button', { name: 'Score these texts' }).click();
  await rewards().getByText('does not end within 5 seconds').first().waitFor({ timeout: 120_000 });
  await code.fill('1 +');
  await rewards().getByRole('button', { name: 'Score these texts' }).click();
  await rewards().getByRole('alert').getByText('its code cannot run').waitFor();
  await code.fill('completion.includes("####")');
  await rewards().getByRole('button', { name: 'Score these texts' }).click();
  await rewards().getByText('4 texts scored.').waitFor();
  // It reads the row's other columns, too.
  await code.fill('Number(completion.split("#### ")[1]) === row.double ? 7 : 0');
  await rewards().getByRole('button', { name: 'Score these texts' }).click();
  await expect.poll(() => scores().innerText()).toMatch(/Reference: It is #### \d+\s+1\s+1\s+7\s/);
  await code.fill('completion.includes("####")');
  await rewards().getByRole('button', { name: 'Score these texts' }).click();
  await rewards().getByText('4 texts scored.').waitFor();
  expect(await inspect(page, 'rewards')).toEqual([]);
});

test('rewards are in the settings of the project after a reload', async () => {
  await page.reload();
  await goTo(page, 'train');
  await rewards().getByLabel('Weight of Regular expression').waitFor(WAIT);
  expect(await rewards().getByLabel('Weight of Regular expression').inputValue()).toBe('0.5');
  expect(await rewards().getByLabel('JavaScript', { exact: true }).inputValue()).toBe(
    'completion.includes("####")',
  );
});

test('a run whose reward never ends pauses before its first step, and says why', async () => {
  await openSettings(page);
  await rewards().getByLabel('JavaScript', { exact: true }).fill(ENDLESS);
  await page.getByLabel('Steps', { exact: true }).fill('2');
  await page.getByLabel('Warm-up, steps', { exact: true }).fill('0');
  await page.getByRole('button', { name: 'Start training' }).click();
  const failure = page.getByRole('alert').getByText(/The reward javascript gave no score for “/);
  await failure.waitFor({ timeout: 240_000 });
  await page.getByRole('button', { name: 'Resume', exact: true }).waitFor();
  expect(await inspect(page, 'reward-stopped')).toEqual([]);
  await page.getByRole('button', { name: /^Discard/ }).click();
  await page.getByRole('button', { name: 'New run' }).waitFor();
  expect(studio.problems).toEqual([]);
});

test('prompts without answers suit rewards that need none, and other rewards say so', async () => {
  await goTo(page, 'data');
  await page.getByLabel('Open a file').setInputFiles({
    name: 'prompts.jsonl',
    mimeType: 'application/octet-stream',
    buffer: Buffer.from(rows.map(({ prompt }) => JSON.stringify({ prompt })).join('\n')),
  });
  await page.getByRole('button', { name: 'Training rows' }).click();
  await page.getByText('24 prompts without an answer').waitFor(WAIT);
  await goTo(page, 'train');
  const start = page.getByRole('button', { name: 'Start training' });
  // The run of the test before is still shown.
  const next = page.getByRole('button', { name: 'New run' });
  await next.or(start).first().waitFor();
  if (await next.isVisible()) await next.click();
  await page.getByRole('alert').getByText('“Exactly right” compares with the reference answer').waitFor();
  expect(await start.isDisabled()).toBe(true);
  await rewards().getByRole('button', { name: 'Remove Exactly right' }).click();
  await add('Length');
  await expect.poll(() => start.isEnabled()).toBe(true);
  await rewards().getByText('Try them on your rows').click();
  await rewards().getByRole('textbox', { name: 'Another answer to row 1' }).fill('Twelve.');
  await rewards().getByRole('button', { name: 'Score these texts' }).click();
  await rewards().getByText('1 text scored.').waitFor();
  expect(await scores().innerText()).not.toContain('Reference:');
  await openSettings(page);
  await page.getByLabel('Objective', { exact: true }).selectOption('sft');
  await page.getByRole('alert').getByText('The rows are prompts without answers').waitFor();
  expect(studio.problems).toEqual([]);
});

test('conversations of several turns are prompts too: a run asks them whole, and shows them', async () => {
  const talk = (last: string) => [
    { role: 'user', content: 'Who are you?' },
    { role: 'assistant', content: 'I am Sprig.' },
    { role: 'user', content: last },
  ];
  const talks = rows.slice(4).map(({ prompt }) => JSON.stringify({ prompt: talk(prompt) }));
  await goTo(page, 'data');
  await page.getByLabel('Open a file').setInputFiles({
    name: 'talks.jsonl',
    mimeType: 'application/octet-stream',
    buffer: Buffer.from(talks.join('\n')),
  });
  await page.getByRole('button', { name: 'Training rows' }).click();
  await page.getByText('20 prompts without an answer').waitFor(WAIT);
  await goTo(page, 'train');
  const start = page.getByRole('button', { name: 'Start training' });
  const next = page.getByRole('button', { name: 'New run' });
  await next.or(start).first().waitFor();
  if (await next.isVisible()) await next.click();
  await openSettings(page);
  await page.getByLabel('Objective', { exact: true }).selectOption('grpo');
  await rewards().getByRole('button', { name: 'Remove Exactly right' }).click();
  await add('Length');
  await page.getByLabel('Generations per prompt', { exact: true }).fill('2');
  await page.getByLabel('Maximum completion length, tokens', { exact: true }).fill('6');
  await page.getByLabel('Steps', { exact: true }).fill('1');
  await page.getByLabel('Warm-up, steps', { exact: true }).fill('0');
  await start.click();
  const group = page.getByRole('region', { name: /^One group of step 1/ });
  await group.waitFor({ timeout: 240_000 });
  expect(await group.innerText()).toMatch(
    /user: Who are you\?\s+assistant: I am Sprig\.\s+user: What is \d+ \+ \d+\?/,
  );
  await page.getByRole('button', { name: 'New run' }).waitFor({ timeout: 240_000 });
  expect(studio.problems).toEqual([]);
});

test('its adapter is measured by its rewards on prompts without answers: mean, spread, how many pass', async () => {
  await goTo(page, 'evaluate');
  await page.getByRole('button', { name: 'Measure every method' }).click();
  await page.getByRole('button', { name: 'Measure again' }).waitFor({ timeout: 240_000 });
  await expect.poll(() => page.locator('header.verdict').innerText()).toContain('the mean reward goes');
  const scores = page.getByRole('region', { name: 'Scores' });
  for (const name of ['mean reward', 'spread', 'passed'])
    await scores.getByRole('columnheader', { name }).waitFor();
  // The rows have no answers, so nothing is right or wrong, and there are no examples.
  expect(await scores.getByRole('columnheader').count()).toBe(4);
  expect(await scores.getByRole('row').nth(1).innerText()).toMatch(/Base model[\s\S]*of \d/);
  expect(await page.getByText(/(matches|differs from) the reference/).count()).toBe(0);
  expect(await page.getByRole('button', { name: /^Measure \d+ examples/ }).count()).toBe(0);
  expect(await inspect(page, 'prompts-measured')).toEqual([]);
  expect(studio.problems).toEqual([]);
});
