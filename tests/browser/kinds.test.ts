/** Kinds of adapters beside LoRA, on the page: chosen, trained on the bundled rows, asked beside the base, measured, and taken away as PEFT reads them. */
import { readFileSync } from 'node:fs';
import { unzipSync } from 'fflate';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closePages, openWide, type WatchedPage } from './chromium.ts';
import { downloadOf, goTo, openSample, openSettings, WAIT } from './looks.ts';

let studio: WatchedPage;
let page: Page;
beforeAll(async () => {
  studio = await openWide();
  ({ page } = studio);
  await goTo(page, 'data');
  await openSample(page);
  await page.getByRole('heading', { name: '360 rows' }).waitFor(WAIT);
});
afterAll(closePages);

test.each([
  ['Prompt tuning', 'PROMPT_TUNING', { num_virtual_tokens: 20 }],
  ['Norms and biases', 'LN_TUNING', {}],
  // Plain LoRA of twice the rank.
  ['PiSSA', 'LORA', { r: 16 }],
  // It begins from some of the rows.
  ['EVA', 'LORA', { r: 8 }],
])(
  '%s learns, answers beside the base, is measured, and leaves as PEFT’s %s',
  async (label, type, fields) => {
    await goTo(page, 'train');
    const anew = page.getByRole('button', { name: 'New run' });
    if (await anew.isVisible()) await anew.click();
    await openSettings(page);
    await page.getByRole('radio', { name: new RegExp(`^${label} adapter`) }).check();
    for (const [name, value] of [
      ['Steps', '12'],
      ['Warm-up, steps', '0'],
      ['Validate every … steps', '12'],
      ['Answer every … steps', '0'],
      ['Name of the run', label],
    ])
      await page.getByLabel(name, { exact: true }).fill(value);
    await page.getByRole('button', { name: 'Start training' }).click();
    const done = page.getByText(/^Done: loss/);
    await done.waitFor(WAIT);
    // Of the validation rows.
    const [before, after] = /(\d+\.\d+) → (\d+\.\d+)/
      .exec(await done.innerText())!
      .slice(1)
      .map(Number);
    expect(after).toBeLessThan(before);

    await page.getByRole('button', { name: 'Ask both the same question' }).click();
    await expect.poll(() => page.getByText(/tokens\/s/).count(), WAIT).toBe(2);

    await goTo(page, 'evaluate');
    await page.getByRole('spinbutton', { name: 'Rows' }).fill('3');
    await page.getByRole('button', { name: /^(Compare with the base model|Measure again)$/ }).click();
    await page.getByRole('row').filter({ hasText: label }).filter({ hasText: 'of 3' }).waitFor(WAIT);

    await goTo(page, 'use');
    const download = await downloadOf(page, () =>
      page.getByRole('button', { name: `Download zip of ${label}` }).click(),
    );
    const files = unzipSync(readFileSync(await download.path()));
    const config = Object.entries(files).find(([name]) => name.endsWith('adapter_config.json'))![1];
    expect(JSON.parse(new TextDecoder().decode(config))).toMatchObject({ peft_type: type, ...fields });
    expect(studio.problems).toEqual([]);
  },
);
