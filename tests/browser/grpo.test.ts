/** Learning from a reward in the page, from the file to the comparison: the sample's settings, a run that samples, its group, its adapter against the base. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closePages, openWide, type WatchedPage } from './chromium.ts';
import { factOf, goTo, inspect, openSample, openSettings, WAIT } from './looks.ts';

let studio: WatchedPage;
let page: Page;
beforeAll(async () => {
  studio = await openWide({ permissions: ['clipboard-read', 'clipboard-write'] });
  ({ page } = studio);
});
afterAll(closePages);

test('the sample sets the objective, the reward and the group size', async () => {
  await goTo(page, 'data');
  await openSample(page, /^Lists that begin as asked/);
  await page.getByRole('heading', { name: '270 rows' }).waitFor(WAIT);
  await goTo(page, 'train');
  await openSettings(page);
  await expect.poll(() => page.getByLabel('Objective', { exact: true }).inputValue()).toBe('grpo');
  const rewards = page.getByRole('region', { name: /^Rewards/ });
  await rewards.getByText('Your own JavaScript', { exact: true }).first().waitFor();
  await expect.poll(() => page.getByLabel('Generations per prompt', { exact: true }).inputValue()).toBe('8');
  await expect.poll(() => page.getByLabel('Batch size', { exact: true }).inputValue()).toBe('1');
});

test('a run shows its rewards and the answers that it learned from, and explains its loss', async () => {
  await page.getByLabel('Steps', { exact: true }).fill('4');
  await page.getByLabel('Warm-up, steps', { exact: true }).fill('0');
  await page.getByRole('button', { name: 'Start training' }).click();
  await page.getByRole('heading', { name: 'Reward', exact: true }).waitFor({ timeout: 240_000 });
  await page.getByText('near 0 however well it learns').waitFor();
  await page.getByRole('button', { name: 'New run' }).waitFor({ timeout: 240_000 });
  const group = page.getByRole('region', { name: /^One group of step 4/ });
  const rewards = await group
    .getByRole('listitem')
    .evaluateAll((items) => items.map((item) => Number(item.querySelector('b')?.textContent)));
  expect(rewards).toHaveLength(8);
  expect(rewards).toEqual([...rewards].sort((a, b) => b - a));
  const told = page.getByLabel('What the objective reports');
  await expect.poll(() => told.innerText()).toMatch(/Groups of equal rewards[\s\S]*%[\s\S]*Entropy/);
  // It is kept with the run.
  await page.reload();
  await goTo(page, 'train');
  await group.waitFor(WAIT);
  expect(await group.getByRole('listitem').count()).toBe(8);
  await page.getByRole('button', { name: 'Copy as a command line' }).click();
  await expect
    .poll(() => page.evaluate(() => navigator.clipboard.readText()))
    .toMatch(/ --objective grpo .*--reward .*javascript.* --num-generations 8 /s);
  expect(await inspect(page, 'grpo-run')).toEqual([]);
});

test('its adapter is compared with the base on held-out rows', async () => {
  await goTo(page, 'evaluate');
  await page.getByRole('button', { name: 'Measure every method' }).click();
  await page.getByRole('button', { name: 'Measure again' }).waitFor({ timeout: 240_000 });
  await expect.poll(() => page.locator('header.verdict').innerText()).toContain('the mean reward goes');
  expect(await factOf(page, 'Evaluate')).toMatch(/reward \d\.\d+ → \d\.\d+/);
  // Its rows have no answers, so rewards are the only score.
  const answers = page.getByRole('region', { name: 'The answers, side by side' });
  expect(await answers.innerText()).toMatch(/reward \d/);
  expect(await answers.innerText()).not.toMatch(/(matches|differs from) the reference/);
  expect(await page.getByRole('region', { name: 'Scores' }).innerText()).not.toMatch(/exactly right/);
});

test('its mean reward is compared with those of the bare question and of examples, which are measured automatically', async () => {
  await page
    .getByText(
      /^The mean reward went from \S+ to \S+ with only the question, and from \S+ to \S+ with 4 examples/,
    )
    .waitFor({ timeout: 240_000 });
  const scores = page.getByRole('region', { name: 'Scores' });
  await scores.getByRole('columnheader', { name: 'mean reward' }).waitFor();
  // The base model and the adapter, each with the question alone and with examples.
  const rewarded = scores
    .getByRole('row')
    .filter({ hasText: /only the question|before each question|adapter/ });
  expect(await rewarded.count()).toBe(4);
  expect(await scores.getByRole('row').filter({ hasText: 'before each question' }).count()).toBe(2);
  expect(await inspect(page, 'grpo-verdict')).toEqual([]);
  // The measurement is kept with the project.
  await page.reload();
  await page.getByText(/^The mean reward went from/).waitFor(WAIT);
  expect(studio.problems).toEqual([]);
});

test('other rewards are chosen with the metrics, each has a line of its own, and they are kept with the evaluation', async () => {
  await page.getByText('Rewards: scorers with weights').click();
  const chosen = page.getByRole('region', { name: /^Rewards/ });
  for (const label of ['Exactly right', 'Length']) {
    await chosen.getByLabel('Another reward').selectOption({ label });
    await chosen.getByRole('button', { name: 'Add' }).click();
    await chosen.getByLabel(`Weight of ${label}`).waitFor();
  }
  await page.getByRole('spinbutton', { name: 'Rows' }).fill('3');
  await page.getByRole('button', { name: 'Measure again' }).click();
  const each = page.getByRole('region', { name: 'By reward' });
  await each
    .getByRole('row', { name: /^length/ })
    .first()
    .waitFor({ timeout: 240_000 });
  // Base and adapter by each of the two and by their sum: mean, spread, and how many of the three rows get full marks.
  const rows = await each.locator('tbody tr').allInnerTexts();
  expect(rows).toHaveLength(6);
  for (const row of rows) expect(row).toMatch(/(exact-match|length|sum)[\s\S]*\d[\s\S]*\d of 3/);
  const scores = page.getByRole('region', { name: 'Scores' });
  // The metrics stay.
  expect(await scores.innerText()).toMatch(/mean reward[\s\S]*exactly right/i);
  expect(await inspect(page, 'chosen-rewards')).toEqual([]);
  await page.reload();
  await expect.poll(() => each.locator('tbody tr').allInnerTexts(), WAIT).toEqual(rows);
  await page.getByText('Rewards: scorers with weights, 2 chosen').waitFor();
});

test('one table compares everything tuned by the same rewards', async () => {
  await page.getByRole('spinbutton', { name: 'How many to ask' }).fill('3');
  await page.getByRole('button', { name: 'Measure all on the same rows' }).click();
  const table = page.getByRole('table', { name: 'Everything tuned, in one table' });
  await table.getByRole('columnheader', { name: 'Mean reward' }).waitFor({ timeout: 240_000 });
  await expect
    .poll(() => table.getByRole('row').nth(1).innerText())
    .toMatch(/Base model[\s\S]*\d of 3 passed/);
  await page.getByText('Mean reward: what exact-match + length give to the answers of all').waitFor();
  expect(await inspect(page, 'rewarded-table')).toEqual([]);
  expect(studio.problems).toEqual([]);
});
