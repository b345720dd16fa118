/** Rows and rewards that teach nothing: the page says why, offers a remedy and does not start, or the run continues without them. */
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closePages, openWide, type WatchedPage } from './chromium.ts';
import { goTo, inspect, openSettings, WAIT } from './looks.ts';

const RUN = { timeout: 240_000 };
const LONG = 'The garden is old. '.repeat(300);
const good = Array.from({ length: 12 }, (_, i) => ({
  ...{ prompt: `What is ${i}?`, chosen: `It is ${i}.`, rejected: `${i} is a number.` },
}));

let studio: WatchedPage;
let page: Page;
const opened = async (): Promise<void> => {
  studio = await openWide();
  ({ page } = studio);
};
afterAll(closePages);

/** @param replaces whether rows are open, so that the page asks what the new ones are */
async function open(name: string, rows: readonly object[], replaces = false): Promise<void> {
  await goTo(page, 'data');
  await page.getByLabel('Open a file').setInputFiles({
    name,
    mimeType: 'application/octet-stream',
    buffer: Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n')),
  });
  if (replaces) await page.getByRole('button', { name: 'Training rows' }).click();
}
const start = (): Locator => page.getByRole('button', { name: 'Start training' });
const rows = (count: number): Locator => page.getByRole('heading', { name: `${count} rows` });

describe('pairs', () => {
  beforeAll(opened);

  test('are refused if the length limit cuts off their whole answers, and one press keeps the answers', async () => {
    await open(
      'cut.jsonl',
      good.slice(0, 3).map((pair) => ({ ...pair, prompt: LONG })),
    );
    await page
      .getByRole('alert')
      .getByText(/no row that can be used; all 3 rows are cut at \d+ tokens, before the answer/)
      .waitFor(WAIT);
    await goTo(page, 'train');
    await page.getByText('A run learns from rows, and none are open.').waitFor();
    expect(await start().count()).toBe(0);
    await goTo(page, 'data');
    await page.getByRole('button', { name: 'Truncate the prompt', exact: true }).click();
    await page.getByText('3 pairs of a chosen and a rejected answer.').waitFor(WAIT);
  });

  test('are counted and not trained on if the length limit cuts off some of their answers', async () => {
    await open('some-cut.jsonl', [...good, { ...good[0], prompt: LONG }], true);
    await rows(13).waitFor(WAIT);
    await page.getByRole('heading', { name: '1 row has nothing to learn' }).waitFor(WAIT);
    await page
      .getByText(/The maximum length cuts off their whole answer, or all that distinguishes both answers/)
      .waitFor();
    expect(await inspect(page, 'pairs-cut')).toEqual([]);
    await goTo(page, 'train');
    await expect.poll(() => start().isEnabled()).toBe(true);
  });

  test('are refused by row if two answers are equal, and can be left out if they differ only in spaces', async () => {
    const same = good.map((pair) => ({ ...pair, rejected: pair.chosen }));
    await open('same.jsonl', same, true);
    await page
      .getByRole('alert')
      .getByText(/no row that can be used; line 1: .*chosen and rejected are the same/)
      .waitFor(WAIT);
    // The earlier rows stay open.
    await rows(13).waitFor();
    const spaced = { ...good[0], rejected: `${good[0].chosen} ` };
    await open('spaced.jsonl', [...good, same[0], spaced], true);
    await rows(14).waitFor(WAIT);
    await page.getByText('1 line was not read').waitFor();
    const finding = page.getByRole('listitem').filter({ hasText: '2 pairs have two equal answers' });
    await finding.getByRole('button', { name: 'Leave the row out' }).click();
    await page.getByText('1 row is left out.').first().waitFor(WAIT);
    expect(studio.problems).toEqual([]);
  });
});

describe('a reward', () => {
  beforeAll(async () => {
    await opened();
    await open(
      'prompts.jsonl',
      Array.from({ length: 12 }, (_, i) => ({ prompt: `What is ${i} + ${i}?` })),
    );
    await page.getByText('12 prompts without an answer').waitFor(WAIT);
    await goTo(page, 'train');
    await openSettings(page);
    await page.getByLabel('Objective', { exact: true }).selectOption('grpo');
    await rewards().getByRole('button', { name: 'Remove Exactly right' }).click();
    await rewards().getByLabel('Another reward').selectOption('Your own JavaScript');
    await rewards().getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByLabel('Generations per prompt', { exact: true }).fill('4');
    await page.getByLabel('Maximum completion length, tokens', { exact: true }).fill('4');
    await page.getByLabel('Warm-up, steps', { exact: true }).fill('0');
  });
  const rewards = (): Locator => page.getByRole('region', { name: /^Rewards/ });
  const told = (): Locator => page.getByLabel('What the objective reports');

  async function run(code: string, steps: number): Promise<void> {
    await openSettings(page);
    await rewards().getByLabel('JavaScript', { exact: true }).fill(code);
    await page.getByLabel('Steps', { exact: true }).fill(String(steps));
    await start().click();
  }
  async function next(): Promise<void> {
    await page.getByRole('button', { name: 'New run' }).click();
    await start().waitFor();
  }

  test.each([
    ['throws', 'completion.missing.length', /on all \d+ completions: .*TypeError/],
    ['gives no number', 'NaN', /on all \d+ completions: .*it gives NaN instead of a number/],
    [
      'never ends',
      '(() => { for (;;); })()',
      /on all \d+ completions: .*does not end within 2,000,000 steps/,
    ],
  ])('pauses the run if it %s, which says so and can be discarded', async (_, code, why) => {
    await run(code, 2);
    await page.getByRole('alert').getByText(why).waitFor(RUN);
    await page.getByRole('alert').getByText('Try it on a few texts first').waitFor();
    await page.getByRole('button', { name: 'Resume', exact: true }).waitFor();
    await page.getByRole('button', { name: /^Discard/ }).click();
    await next();
  });

  test('scores the answers 0 on which it fails, and the run continues and shows how many and why', async () => {
    await run("completion.includes('e') ? missing : completion.length", 2);
    await page.getByRole('button', { name: 'New run' }).waitFor(RUN);
    await expect.poll(() => told().innerText()).toMatch(/Answers with a reward error[\s?]+[1-9]\d*\s?%/);
    const group = page.getByRole('region', { name: /^One group of step 2/ });
    await group.getByText('A reward failed here and counts as 0: ReferenceError').first().waitFor();
    expect(await inspect(page, 'reward-failed')).toEqual([]);
    await next();
  });

  test('teaches nothing if it is the same for every answer: the run ends and says so', async () => {
    await run('0.5', 10);
    await page.getByText('got the same reward: this group teaches nothing').first().waitFor(RUN);
    await page.getByRole('button', { name: 'New run' }).waitFor(RUN);
    await page.getByText('groups alike').first().waitFor();
    await page
      .getByText(/every answer got the same reward, so there was nothing to compare/)
      .first()
      .waitFor();
    await expect.poll(() => told().innerText()).toMatch(/Groups of equal rewards[\s?]+100\s?%/);
    expect(studio.problems).toEqual([]);
  });
});
