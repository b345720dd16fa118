/** A project that is open in two tabs, one of which trains: the other follows it, and judges nothing before it has ended. */
import { afterAll, expect, inject, test } from 'vitest';
import { closePages, openWide } from './chromium.ts';
import { allowSteps, engineOf } from './gate.ts';
import { factOf, goTo, inspect, openSample, openSettings, WAIT } from './looks.ts';

afterAll(closePages);

test('a second tab follows the run that the first one trains, step by step, and judges it when it has ended', async () => {
  const { page: first, problems } = await openWide();
  await goTo(first, 'data');
  await openSample(first);
  await expect.poll(() => factOf(first, 'Data'), WAIT).toMatch(/^Data\s+360 rows/);
  await goTo(first, 'train');
  await openSettings(first);
  await first.getByLabel('Steps', { exact: true }).fill('40');
  await first.getByLabel('Warm-up, steps', { exact: true }).fill('2');
  await first.getByLabel('Validate every … steps', { exact: true }).fill('0');
  await first.getByLabel('Answer every … steps', { exact: true }).fill('0');
  await allowSteps(engineOf(first), 3);
  await first.getByRole('button', { name: 'Start training' }).click();
  await expect.poll(() => factOf(first, 'Train'), WAIT).toMatch(/step 3 of 40/);

  const second = await first.context().newPage();
  await second.goto(inject('address'));
  await goTo(second, 'train');
  const words = second.getByText(/^This run trains in another tab\. Pause or stop it there\./);
  await words.waitFor(WAIT);
  await allowSteps(engineOf(first), 2);
  await expect.poll(() => words.innerText(), WAIT).toMatch(/It is at step 5 of 40\./);
  expect(await factOf(second, 'Train')).toMatch(/step 5 of 40/);
  await allowSteps(engineOf(first), 30);
  await expect.poll(() => words.innerText(), WAIT).toMatch(/It is at step 3\d of 40\./);
  const head = second.getByRole('banner').or(second.locator('main header')).last();
  // Neither its own words nor the list of runs says how it went.
  expect(await head.locator('details').count()).toBe(0);
  const listed = second.getByRole('row').filter({ hasText: 'trains in another tab' });
  expect(await listed.locator('.verdict').count()).toBe(0);
  expect(await listed.innerText()).toMatch(/3\d\s+of 40/);
  for (const name of [/^Pause/, /^Stop and keep/, /^Resume/, /^Discard/, /^Delete/])
    expect(await second.getByRole('button', { name }).count(), String(name)).toBe(0);
  expect(await second.getByRole('contentinfo').innerText()).toMatch(/Another tab trains,\s+step 3\d of 40/);
  expect(await inspect(second, 'second-tab')).toEqual([]);

  await allowSteps(engineOf(first), Infinity);
  await second.getByText(/^Done: loss/).waitFor(WAIT);
  await first.getByText(/^Done: loss/).waitFor(WAIT);
  const curve = 'Step of the loss curve';
  await expect
    .poll(() => second.getByRole('slider', { name: curve }).getAttribute('aria-valuemax'))
    .toBe('40');
  expect(problems).toEqual([]);
});
