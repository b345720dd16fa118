/** What the form of a run says about its memory, and its buttons, which do what they promise. The tests build on each other. */
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closePages, openWide, type WatchedPage } from './chromium.ts';
import { goTo, inspect, openSettings, WAIT } from './looks.ts';

let studio: WatchedPage;
let page: Page;
beforeAll(async () => {
  studio = await openWide({ on: 'gpu' });
  ({ page } = studio);
  await goTo(page, 'data');
  await page.getByRole('button', { name: /^A sea captain/ }).click();
  await page.getByRole('navigation').getByRole('link', { name: 'Data' }).getByText('360 rows').waitFor(WAIT);
  await goTo(page, 'train');
  await openSettings(page);
  await page.getByRole('spinbutton', { name: 'Answer every … steps' }).fill('0');
  // The plan looks at the rows of every step: 60000 at once in each of sixty take it half a minute.
  await page.getByRole('spinbutton', { name: 'Warm-up, steps' }).fill('1');
  await page.getByRole('spinbutton', { name: 'Steps', exact: true }).fill('4');
});
afterAll(closePages);

const memory = (): Locator => page.getByRole('region', { name: /memory|does not fit/ });
const title = (): Locator => memory().getByRole('paragraph').first();
const start = (): Locator => page.getByRole('button', { name: 'Start training' });
const saving = (): Locator => page.getByRole('button', { name: /^Save memory: .* instead of/ });
const isFocused = (element: Locator): Promise<boolean> =>
  element.evaluate((at) => at === document.activeElement);

/** Asks for a batch of so many rows. @returns what the plan of them says */
async function rowsAtOnce(rows: number, words: RegExp): Promise<string> {
  await page.getByRole('spinbutton', { name: 'Batch size' }).fill(String(rows));
  await expect
    .poll(async () => `${await memory().getAttribute('aria-busy')} ${await title().innerText()}`, WAIT)
    .toMatch(new RegExp(`^false ${words.source}`));
  return title().innerText();
}

test('the page offers to save memory, and a run above 4 GiB gets a warning and can start', async () => {
  await rowsAtOnce(1, /This run needs/);
  await expect.poll(() => saving().count()).toBe(0);
  const plain = await rowsAtOnce(4000, /This run needs/);
  const warning = memory().getByText(/^Many GPUs have less memory than this/);
  await warning.waitFor();
  expect(await start().isEnabled()).toBe(true);
  expect(await inspect(page, 'much-memory')).toEqual([]);

  const [promised, before] = (await saving().innerText()).replace('Save memory: ', '').split(' instead of ');
  expect(plain).toContain(`needs ${before} of`);
  await saving().click();
  await expect.poll(() => title().innerText(), WAIT).toContain(`needs ${promised} of`);
  await expect.poll(() => saving().count()).toBe(0);
  await expect.poll(() => isFocused(title())).toBe(true);
  await expect
    .poll(() => page.getByRole('checkbox', { name: 'Activation checkpointing' }).isChecked())
    .toBe(true);
  await page.getByRole('checkbox', { name: 'Activation checkpointing' }).uncheck();
  await saving().waitFor(WAIT);
});

test.each([
  [30_000, /This run needs .* It does not fit:/],
  [60_000, /This run does not fit:/],
])('refuses a batch of %i rows, and a smaller one takes what was promised', async (rows, words) => {
  await rowsAtOnce(rows, words);
  expect(await start().isDisabled()).toBe(true);
  const advice = memory()
    .getByRole('listitem')
    .filter({ hasText: /batch size of \d+ and/ });
  await expect.poll(() => advice.innerText()).toMatch(/, no buffer too large$/);
  expect(await inspect(page, `refused-${rows}`)).toEqual([]);
  const [, promised] = /([\d.]+ [KMG]iB), no buffer/.exec(await advice.innerText())!;
  await advice.getByRole('button').click();
  await expect
    .poll(() => title().innerText(), WAIT)
    .toBe(
      `This run needs ${promised} of GPU memory at most, base model included; no buffer is larger than this GPU allows.`,
    );
  await expect.poll(() => isFocused(title())).toBe(true);
  expect(await start().isEnabled()).toBe(true);
});

test('settings that cannot work get no forecast of memory or time', async () => {
  // Nothing was measured in this profile: no number is made up, and one press would measure.
  await page.getByRole('button', { name: 'Measure it' }).waitFor(WAIT);
  expect(await page.getByRole('main').innerText()).not.toMatch(/takes (?:at most )?about/);
  // Advice may have made more of them.
  await page.getByRole('spinbutton', { name: 'Gradient accumulation' }).fill('1');
  await rowsAtOnce(60_000, /This run does not fit:/);
  await rowsAtOnce(-3, /The GPU memory of the run is worked out once every setting has a possible value\./);
  expect(await start().isDisabled()).toBe(true);
  expect(await page.getByRole('main').innerText()).not.toMatch(/Your own settings: |60000|does not fit/);
  await rowsAtOnce(8, /This run needs/);
  await expect
    .poll(() => page.getByRole('main').innerText())
    .toMatch(/Your own settings: .* epochs over 288 rows/);
  expect(studio.problems).toEqual([]);
});

test('a run on the processor is limited to the memory of WebAssembly', async () => {
  await page
    .getByRole('contentinfo')
    .getByRole('link', { name: /SwiftShader/ })
    .click();
  await page.getByRole('combobox', { name: 'Compute on' }).selectOption('The CPU');
  await page
    .getByRole('contentinfo')
    .getByRole('link', { name: /^CPU with/ })
    .waitFor(WAIT);
  await goTo(page, 'train');
  await openSettings(page);
  await rowsAtOnce(8, /This run needs .* of memory at most/);
  await rowsAtOnce(30_000, /This run needs .* It does not fit:/);
  expect(await memory().innerText()).toMatch(/this CPU allows 4(?:\.0)? GiB for everything/);
  expect(await start().isDisabled()).toBe(true);
  expect(studio.problems).toEqual([]);
});
