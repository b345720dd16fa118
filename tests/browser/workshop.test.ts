/** The workshop under Use: adapters of random numbers are mixed by sliders, measured, asked and kept. */
import { mkdirSync } from 'node:fs';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sprigAdapter, zipOf } from './adapter-files.ts';
import { closeContexts, openChromium, openStudio, type WatchedPage } from './chromium.ts';
import { goTo, inspect, openSample, PICTURES, WAIT } from './looks.ts';

let browser: Browser;
let studio: WatchedPage;
let page: Page;
let library: Locator;

beforeAll(async () => {
  mkdirSync(PICTURES, { recursive: true });
  browser = await openChromium();
  studio = await openStudio(browser, {
    viewport: { width: 1440, height: 900 },
    reducedMotion: 'reduce',
  });
  ({ page } = studio);
  library = page.getByRole('region', { name: 'Adapters', exact: true });
  await goTo(page, 'data');
  await openSample(page);
  await goTo(page, 'use');
  for (const [at, name] of ['Bosun', 'Cook'].entries()) {
    const buffer = Buffer.from(zipOf(await sprigAdapter(at + 1)));
    await library
      .getByLabel('Import a zip')
      .setInputFiles({ name: `${name}.zip`, mimeType: 'application/zip', buffer });
    await library.getByRole('button', { name: `Delete ${name}` }).waitFor(WAIT);
  }
});
afterAll(() => closeContexts(browser));

test('the workshop mixes adapters by sliders, measures each mixture on test rows, and keeps one', async () => {
  const workshop = page.getByRole('region', { name: 'Workshop' });
  await workshop.getByRole('button', { name: 'Open the workshop' }).click();
  const sliders = workshop.getByRole('slider');
  await expect.poll(() => sliders.count()).toBe(2);
  // It begins with one adapter as it is.
  const loss = workshop.getByText(/^Loss on \d+ test rows/);
  await loss.waitFor(WAIT);
  await workshop.getByRole('slider', { name: 'Bosun' }).fill('0.5');
  await workshop.getByRole('slider', { name: 'Cook' }).fill('-0.25');
  await workshop
    .getByText(/0\.5 × Bosun/)
    .first()
    .waitFor(WAIT);
  await loss.waitFor(WAIT);
  await workshop.getByRole('checkbox', { name: 'Cut to a rank' }).check();
  await workshop.getByLabel('Rank', { exact: true }).fill('2');
  await workshop.getByLabel('Rank', { exact: true }).press('Tab');
  await workshop.getByText(/, rank 2: rank 2,/).waitFor(WAIT);
  await loss.waitFor(WAIT);
  await expect.poll(() => workshop.getByText(/Rank 2 loses [\d.]+%/).count()).toBe(1);
  const measured = workshop.getByRole('region', { name: 'Measured mixtures' });
  await expect
    .poll(() => measured.getByRole('row').allInnerTexts())
    .toContainEqual(expect.stringMatching(/rank 2\s+[\d.]+\s+[\d.]+%/));
  await workshop.getByText('Singular values of').click();
  await expect.poll(() => workshop.getByRole('row', { name: /^0 q_proj/ }).count()).toBe(1);
  expect(await inspect(page, 'workshop')).toEqual([]);

  await workshop.getByRole('button', { name: 'Chat with the mixture' }).click();
  await page.getByLabel('Prompt for both').fill('Who lives next to the school?');
  await page.getByRole('button', { name: 'Ask both' }).click();
  const turn = page.getByRole('article').last();
  await expect.poll(() => turn.innerText(), WAIT).toMatch(/−0\.25 × Cook[^]*tokens\/s/);
  expect(await turn.innerText()).not.toContain('Out of date');
  await expect.poll(() => page.getByRole('button', { name: 'Retry' }).isEnabled(), WAIT).toBe(true);

  await workshop.getByLabel('Name of the new adapter').fill('Both');
  await workshop.getByRole('button', { name: 'Save as a new adapter' }).click();
  await library.getByRole('button', { name: 'Delete Both' }).waitFor(WAIT);
  await library.getByText(/mixed from .*−0\.25 × Cook/).waitFor();
  expect(studio.problems).toEqual([]);
});
