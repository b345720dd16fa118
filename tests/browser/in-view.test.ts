/** What is in view is what a press acts on, and what comes of a press comes into view: under a filter, and on a phone. */
import type { Page } from 'playwright-core';
import { afterAll, expect, test } from 'vitest';
import { closePages, openWide } from './chromium.ts';
import { goTo, WAIT } from './looks.ts';

afterAll(closePages);

const WORDS = ['apple', 'pear', 'plum', 'fig'];
/** Rows whose every fourth is of one fruit, and a table whose columns nobody knows. */
const ROWS = Array.from({ length: 24 }, (_, i) =>
  JSON.stringify({ prompt: `${WORDS[i % 4]} number ${i + 1}`, completion: `It is ${i}.` }),
).join('\n');
const TABLE = ['Betreff;Antwort', ...Array.from({ length: 20 }, (_, i) => `Frage ${i};Antwort ${i}`)].join(
  '\n',
);

const choose = (page: Page, name: string, text: string) =>
  page
    .getByLabel('Open a file')
    .setInputFiles({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(text) });
const rowsOf = (page: Page) => page.getByRole('listbox', { name: 'All rows' });
const viewed = (page: Page) => page.getByRole('heading', { name: /as the model sees it$/ });

test('the row in view is one of the filtered list, even after it is left out', async () => {
  const { page, problems } = await openWide();
  await goTo(page, 'data');
  await choose(page, 'fruit.jsonl', ROWS);
  await page.getByRole('heading', { name: '24 rows', exact: true }).waitFor(WAIT);
  await rowsOf(page).getByRole('option').nth(4).click();
  await viewed(page).getByText('Line 5', { exact: false }).waitFor();
  // Five is of apples, too: it stays. Its place is the second of six.
  await page.getByLabel('Find in rows').fill('apple');
  await page.getByText('2 of 6 found').waitFor();
  await page.getByLabel('Find in rows').fill('plum');
  await viewed(page).getByText('Line 3,', { exact: false }).waitFor();
  await page.getByText('1 of 6 found').waitFor();
  await page.getByRole('button', { name: 'Next row' }).click();
  await viewed(page).getByText('Line 7,', { exact: false }).waitFor();
  expect(await rowsOf(page).getByRole('option', { selected: true }).innerText()).toContain('plum number 7');

  await page.getByRole('button', { name: 'Leave it out' }).click();
  await page.getByRole('button', { name: 'Undo', exact: true }).waitFor(WAIT);
  await page.getByText('Line 7 is left out.').first().waitFor();
  expect(
    await rowsOf(page)
      .getByRole('option', { name: /plum number 7/ })
      .innerText(),
  ).toContain('by you');
  await page.getByRole('button', { name: 'Undo', exact: true }).click();

  // A row that leaves the list as it is left out makes room for the next one.
  await page.getByLabel('State').selectOption({ label: 'used whole' });
  await expect.poll(() => rowsOf(page).getByRole('option').count(), WAIT).toBe(6);
  await rowsOf(page).getByRole('option').nth(1).click();
  await viewed(page).getByText('Line 7,', { exact: false }).waitFor();
  await page.getByRole('button', { name: 'Leave it out' }).click();
  await viewed(page).getByText('Line 11,', { exact: false }).waitFor(WAIT);
  await expect.poll(() => rowsOf(page).getByRole('option').count()).toBe(5);

  // Nothing found is nothing to act on.
  await page.getByLabel('Find in rows').fill('quince');
  await page.getByText('No row matches the filter.').waitFor();
  expect(await page.getByRole('button', { name: 'Leave it out' }).count()).toBe(0);
  expect(problems).toEqual([]);
});

/** Whether the top of it is in the upper part of the window, with room for what stands under it. */
const inSight = (page: Page, name: RegExp | string) =>
  page.getByRole('heading', { name }).evaluate((heading) => {
    const { top, bottom } = heading.getBoundingClientRect();
    return top >= 0 && bottom < innerHeight * 0.7;
  });
const said = (page: Page) => page.getByRole('log', { name: 'What has happened' }).innerText();

test('the rows of a picked file, and the questions about its columns, come into view on a phone', async () => {
  const { page, problems } = await openWide({
    viewport: { width: 360, height: 780 },
    hasTouch: true,
    isMobile: true,
  });
  await goTo(page, 'data');
  await page.getByText('Bundled rows:').first().waitFor({ state: 'attached' });
  await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  await choose(page, 'tickets.csv', TABLE);
  const asked = 'Which column is what?';
  await page.getByRole('heading', { name: asked }).waitFor(WAIT);
  await expect.poll(() => inSight(page, new RegExp(`^${asked.replace('?', '\\?')}`))).toBe(true);
  await expect.poll(() => said(page)).toContain('Say which column of tickets.csv is what.');
  await page.getByRole('button', { name: 'Read these columns' }).click();
  await page.getByRole('heading', { name: '20 rows', exact: true }).waitFor(WAIT);
  await expect.poll(() => inSight(page, '20 rows')).toBe(true);
  await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toContain('20 rows');
  await expect.poll(() => said(page)).toContain('20 rows are read.');

  // The question about a second file, asked from the end of the page.
  await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  await page
    .getByLabel('Add a file')
    .setInputFiles({ name: 'more.jsonl', mimeType: 'text/plain', buffer: Buffer.from(ROWS) });
  await expect.poll(() => inSight(page, /^Use more\.jsonl as/)).toBe(true);
  await page.getByRole('button', { name: 'Training rows', exact: true }).click();
  await page.getByRole('heading', { name: '24 rows', exact: true }).waitFor(WAIT);
  await expect.poll(() => inSight(page, '24 rows')).toBe(true);

  // What is wrong with a file is in sight, and its code stands apart.
  await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  await choose(page, 'broken.json', '{"a": ');
  await page.getByRole('button', { name: 'Training rows', exact: true }).click();
  const alert = page.getByRole('alert');
  await alert.waitFor(WAIT);
  await expect
    .poll(() =>
      alert.evaluate((at) => {
        const { top, bottom } = at.getBoundingClientRect();
        return top >= 0 && bottom <= innerHeight;
      }),
    )
    .toBe(true);
  const code = await alert.locator('code').innerText();
  expect(await alert.locator('p').first().innerText()).not.toContain(code);
  expect(problems).toEqual([]);
});
