/** Kinds of adapters other than LoRA: chosen, trained on bundled rows, asked beside the base, measured, and exported for PEFT. */
import { mkdirSync, readFileSync } from 'node:fs';
import { unzipSync } from 'fflate';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closePages, openWide, type WatchedPage } from './chromium.ts';
import { engineOf, holdWork } from './gate.ts';
import { downloadOf, goTo, inspect, openSample, openSettings, PICTURES, WAIT } from './looks.ts';

let studio: WatchedPage;
let page: Page;
beforeAll(async () => {
  mkdirSync(PICTURES, { recursive: true });
  studio = await openWide();
  ({ page } = studio);
  await goTo(page, 'data');
  await openSample(page);
  await page.getByRole('heading', { name: '360 rows' }).waitFor(WAIT);
});
afterAll(closePages);

/** A short run with this name, to its end. @returns what it says then */
async function train(method: RegExp, name: string, steps = 12): Promise<string> {
  await goTo(page, 'train');
  const anew = page.getByRole('button', { name: 'New run' });
  if (await anew.isVisible()) await anew.click();
  await openSettings(page);
  await page.getByRole('radio', { name: method }).check();
  for (const [label, value] of [
    ['Steps', `${steps}`],
    ['Warm-up, steps', '0'],
    ['Validate every … steps', `${steps}`],
    ['Answer every … steps', '0'],
    ['Name of the run', name],
  ])
    await page.getByLabel(label, { exact: true }).fill(value);
  await page.getByRole('button', { name: 'Start training' }).click();
  const done = page.getByText(/^Done: loss/);
  await done.waitFor(WAIT);
  return done.innerText();
}

// All of them are measured at once, in the table below. Every method of the prompt is, too, with the first.
test.each([
  ['Prompt tuning', 'PROMPT_TUNING', { num_virtual_tokens: 20 }],
  ['Norms and biases', 'LN_TUNING', {}],
  // Plain LoRA of twice the rank.
  ['PiSSA', 'LORA', { r: 16 }],
  // EVA starts from some of the rows.
  ['EVA', 'LORA', { r: 8 }],
])('%s learns, answers next to the base, and leaves as PEFT’s %s', async (label, type, fields) => {
  const done = await train(new RegExp(`^${label} adapter`), label);
  // One for each validation row.
  const [before, after] = /(\d+\.\d+) → (\d+\.\d+)/.exec(done)!.slice(1).map(Number);
  expect(after).toBeLessThan(before);

  await page.getByRole('button', { name: 'Ask both the same question' }).click();
  await expect.poll(() => page.getByText(/tokens\/s/).count(), WAIT).toBe(2);

  if (label === 'Prompt tuning') {
    await goTo(page, 'evaluate');
    await page.getByRole('spinbutton', { name: 'Rows' }).fill('3');
    await page.getByRole('button', { name: 'Measure every method' }).click();
    await page.getByRole('row').filter({ hasText: label }).filter({ hasText: 'of 3' }).first().waitFor(WAIT);
  }

  await goTo(page, 'use');
  const download = await downloadOf(page, () =>
    page.getByRole('button', { name: `Download zip of ${label}` }).click(),
  );
  const files = unzipSync(readFileSync(await download.path()));
  const config = Object.entries(files).find(([name]) => name.endsWith('adapter_config.json'))![1];
  expect(JSON.parse(new TextDecoder().decode(config))).toMatchObject({ peft_type: type, ...fields });
  expect(studio.problems).toEqual([]);
});

test('EVA that is cancelled while it reads activations leaves no run', async () => {
  await goTo(page, 'train');
  await page.getByRole('button', { name: 'New run' }).click();
  await openSettings(page);
  await page.getByRole('radio', { name: /^EVA adapter/ }).check();
  await page.getByLabel('Name of the run', { exact: true }).fill('Taken back');
  const held = await holdWork(engineOf(page));
  await page.getByRole('button', { name: 'Start training' }).click();
  await page.getByText('Reading activations').first().waitFor(WAIT);
  await page.getByRole('button', { name: 'Cancel', exact: true }).click();
  await held.go();
  await page.getByRole('button', { name: 'Start training' }).waitFor(WAIT);
  const runs = page.getByRole('region', { name: /^Runs/ });
  await runs.getByText('EVA').first().waitFor();
  await expect.poll(() => runs.getByText('Taken back').count()).toBe(0);
  await goTo(page, 'use');
  await page.getByRole('button', { name: 'Download zip of EVA' }).waitFor(WAIT);
  expect(await page.getByText('Taken back').count()).toBe(0);
  expect(studio.problems).toEqual([]);
});

const table = () => page.getByRole('table', { name: 'Everything tuned, in one table' });
const rowOf = (name: string) =>
  table()
    .getByRole('row')
    .filter({ has: page.getByRole('rowheader', { name: new RegExp(`^${name}`) }) });
const names = () => table().getByRole('rowheader').locator('b').allInnerTexts();
const chooseExact = () => page.getByLabel('Score', { exact: true }).selectOption('exact-match', WAIT);
const measure = () => page.getByRole('button', { name: /^Measure all (on the same rows|again)$/ });

const rows = () => page.getByRole('spinbutton', { name: 'How many to ask' });

// The first run after the cancelled one: nothing holds the device.
test('one table has all of them and a fully tuned model, with cost, score and forgetting', async () => {
  await train(/^Full fine-tuning/, 'Whole', 4);
  await goTo(page, 'evaluate');
  // What runs took is known before anything is measured; the rest says what to press.
  await expect
    .poll(() => rowOf('Norms and biases').innerText(), WAIT)
    .toMatch(/[\d.]+ MiB[\s\S]*Press “Measure all/);
  await expect.poll(() => rowOf('Whole').innerText(), WAIT).toMatch(/All weights[\s\S]*MiB/);
  await rows().fill('3');
  await measure().click();
  // Answers are free text: the score is perplexity until another one is chosen.
  const score = page.getByLabel('Score', { exact: true });
  await expect.poll(() => score.inputValue(), WAIT).toBe('perplexity');
  await chooseExact();
  for (const name of ['Prompt tuning', 'Norms and biases', 'PiSSA', 'EVA', 'Whole'])
    await expect
      .poll(() => rowOf(name).innerText(), WAIT)
      .toMatch(/of 3[\s\S]*[+−]\d\.\d{3}[\s\S]*\d+ of 12[\s\S]*\d\.\d\d/);
  expect(await rowOf('Base model').innerText()).toMatch(/of 3[\s\S]*loss[\s\S]*12 of 12/);
  await page.getByRole('button', { name: 'Measure all again' }).waitFor(WAIT);
  expect(studio.problems).toEqual([]);
});

test('the table is sorted by keyboard, and is accessible in both themes, wide and narrow', async () => {
  const least = await names();
  expect(least[0]).toBe('Base model');
  const header = table().getByRole('columnheader', { name: 'Parameters' });
  expect(await header.getAttribute('aria-sort')).toBe('ascending');
  await header.getByRole('button').focus();
  await page.keyboard.press('Enter');
  await expect.poll(() => header.getAttribute('aria-sort')).toBe('descending');
  // The base stays above.
  expect(await names()).toEqual([least[0], ...least.slice(1).reverse()]);
  expect(await inspect(page, 'tuned-table')).toEqual([]);
});

test('the table is the same after a reload, and measurements on fewer rows are not compared with those on more', async () => {
  await page.reload();
  await chooseExact();
  await expect.poll(() => rowOf('PiSSA').innerText(), WAIT).toMatch(/of 3[\s\S]*of 12/);
  await page.getByRole('button', { name: 'Measure all again' }).waitFor(WAIT);
  await rows().fill('30');
  await rows().press('Tab');
  // The page itself presses Stop once the first one is there: nobody else is sure to come before the last.
  await page.evaluate(() => {
    new MutationObserver((_, observer) => {
      const table = document.querySelector('table[aria-label^="Everything tuned"]');
      if (!table?.textContent?.includes('of 30')) return;
      observer.disconnect();
      [...document.querySelectorAll('button')].find(({ textContent }) => textContent === 'Stop')!.click();
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  await measure().click();
  const stopped = page.locator('#stage').getByText('Stopped: 1 of 5 rows of the table was measured.');
  await stopped.waitFor(WAIT);
  const apart = table().getByText('Measured on 3 rows, the latest on 30.');
  expect(await apart.count()).toBe(4);
  // Measured again on as few rows as before, all stand together.
  await rows().fill('3');
  await rows().press('Tab');
  await measure().click();
  await expect.poll(() => apart.count(), WAIT).toBe(0);
  await expect
    .poll(
      () =>
        table()
          .getByText(/^Measured on/)
          .count(),
      WAIT,
    )
    .toBe(0);
  await expect.poll(() => rowOf('Whole').innerText(), WAIT).toMatch(/of 3[\s\S]*of 12/);
  expect(studio.problems).toEqual([]);
});
