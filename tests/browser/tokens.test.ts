/** New tokens on the page: named in the settings, learned from rows that use them, asked, measured, and taken away with the tokenizer that has them. */
import { readFileSync } from 'node:fs';
import { unzipSync } from 'fflate';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeContexts, openChromium, openStudio, type WatchedPage } from './chromium.ts';
import { startAndPause } from './gate.ts';
import { downloadOf, goTo, openSettings, WAIT } from './looks.ts';

const NAME = 'Tool user';
const ROWS = Array.from({ length: 24 }, (_, i) => {
  const [thing, place] = [['bee', 'fox', 'rose'][i % 3], ['hive', 'den', 'bed'][i % 3]];
  return { prompt: `Use <|tool|> ${i}: where is the ${thing}?`, completion: `<|tool|> ${place}, matey!` };
});

let browser: Browser;
let studio: WatchedPage;
let page: Page;
beforeAll(async () => {
  browser = await openChromium();
  studio = await openStudio(browser, { viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' });
  ({ page } = studio);
  await goTo(page, 'data');
  await page.getByLabel('Open a file').setInputFiles({
    name: 'tools.jsonl',
    mimeType: 'application/jsonl',
    buffer: Buffer.from(ROWS.map((row) => JSON.stringify(row)).join('\n')),
  });
  await page.getByRole('heading', { name: '24 rows' }).waitFor(WAIT);
});
afterAll(() => closeContexts(browser));

const files = async (name: string): Promise<Record<string, Uint8Array>> => {
  const download = await downloadOf(page, () =>
    page.getByRole('button', { name: `Download zip of ${name}` }).click(),
  );
  const all = unzipSync(readFileSync(await download.path()));
  // The base lies beside it, in a folder of its own.
  const own = Object.entries(all).filter(([path]) => path.split('/').length === 2);
  return Object.fromEntries(own.map(([path, bytes]) => [path.split('/')[1], bytes]));
};
const jsonOf = (bytes: Uint8Array): Record<string, unknown> =>
  JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;

/** Few need the field: it is folded away. */
async function nameTokens(texts: string): Promise<void> {
  await openSettings(page);
  const field = page.locator('[data-setting="addTokens"] input');
  await field.evaluate((input) => {
    for (let fold = input.closest('details'); fold; fold = fold.parentElement?.closest('details') ?? null)
      fold.open = true;
  });
  await field.fill(texts);
}

test('a text that already is a token is refused before the run', async () => {
  await goTo(page, 'train');
  await openSettings(page);
  for (const [name, value] of [
    ['Steps', '60'],
    ['Warm-up, steps', '0'],
    ['Validate every … steps', '60'],
    ['Answer every … steps', '0'],
    ['Name of the run', NAME],
  ])
    await page.getByLabel(name, { exact: true }).fill(value);
  await nameTokens('<|im_end|>');
  await page.getByRole('button', { name: 'Start training' }).click();
  await page.getByText('is a token of this model already').first().waitFor(WAIT);
});

test('a row is shown with the new tokens, as the run will read it, and without them again', async () => {
  const shown = () => page.getByRole('slider', { name: 'Tokens of this row' });
  const tokenOf = (text: string) => shown().getByText(text, { exact: true });
  await nameTokens('');
  await goTo(page, 'data');
  await shown().waitFor(WAIT);
  await expect.poll(() => tokenOf('<|tool|>').count()).toBe(0);
  await goTo(page, 'train');
  await nameTokens('<|tool|>, matey');
  await goTo(page, 'data');
  await page.getByText('Read with the tokens that the next run adds: “<|tool|>”, “matey”.').waitFor(WAIT);
  // Once in the prompt, once in the answer.
  expect(await tokenOf('<|tool|>').count()).toBe(2);
  expect(await tokenOf('matey').count()).toBe(1);
  await goTo(page, 'train');
});

test('the new tokens are learned, and the base answers next to them', async () => {
  await nameTokens('<|tool|>, matey');
  await page.getByRole('button', { name: 'Start training' }).click();
  const done = page.getByText(/^Done: loss/);
  await done.waitFor(WAIT);
  // A very small loss is written <0.001.
  const [before, after] = /([\d.]+) → <?([\d.]+)/
    .exec(await done.innerText())!
    .slice(1)
    .map(Number);
  expect(after).toBeLessThan(before);

  await goTo(page, 'evaluate');
  await page.getByRole('spinbutton', { name: 'Rows' }).fill('2');
  await page.getByRole('button', { name: /^(Measure every method|Measure again)$/ }).click();
  await page.getByRole('row').filter({ hasText: NAME }).filter({ hasText: 'of 2' }).first().waitFor(WAIT);
});

test('an answer shows the new tokens, and the exported folder has the tokenizer that PEFT needs', async () => {
  await goTo(page, 'use');
  await page.getByLabel('Prompt for both').fill('Use <|tool|> 7: where is the fox?');
  await page.keyboard.press('Enter');
  await expect.poll(() => page.getByText(/tokens\/s/).count(), WAIT).toBeGreaterThan(0);
  await page.getByText('<|tool|>').last().waitFor(WAIT);

  const found = await files(NAME);
  expect(jsonOf(found['adapter_config.json'])['trainable_token_indices']).toEqual({
    embed_tokens: [1024, 1025],
  });
  const added = jsonOf(found['tokenizer.json'])['added_tokens'] as { content: string }[];
  expect(added.slice(-2).map(({ content }) => content)).toEqual(['<|tool|>', 'matey']);
  expect(new TextDecoder().decode(found['README.md'])).toContain('resize_token_embeddings');
  expect(studio.problems).toEqual([]);
});

test('a paused run resumes after a reload, and its adapter has the new tokens', async () => {
  await goTo(page, 'train');
  await page.getByRole('button', { name: 'New run' }).click();
  await openSettings(page);
  await page.getByLabel('Steps', { exact: true }).fill('6');
  await page.getByLabel('Name of the run', { exact: true }).fill('Later');
  await startAndPause(page, () => page.getByRole('button', { name: 'Start training' }).click());
  await page.reload();
  await goTo(page, 'train');
  await page.getByRole('button', { name: 'Resume', exact: true }).first().click(WAIT);
  await page.getByText(/^Done: loss/).waitFor(WAIT);

  await goTo(page, 'use');
  const found = await files('Later');
  expect(jsonOf(found['adapter_config.json'])['trainable_token_indices']).toEqual({
    embed_tokens: [1024, 1025],
  });
  const added = jsonOf(found['tokenizer.json'])['added_tokens'] as { content: string }[];
  expect(added.slice(-2).map(({ content }) => content)).toEqual(['<|tool|>', 'matey']);
  expect(studio.problems).toEqual([]);
});
