/** A folder of model files, in the production build: kept, opened again after a reload, trained on, deleted. The tests build on each other. */
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeShared, sharedPath } from '../shared.ts';
import { launchChromium, openStudio, type WatchedPage } from './chromium.ts';
import { startAndPause } from './gate.ts';
import { kept, models } from './hub.ts';
import { factOf, goTo, openSettings } from './looks.ts';

const STEP_MS = 60_000;

const brand = (page: Page): Promise<string> => page.getByRole('banner').getByRole('link').first().innerText();

describeShared('a model folder', () => {
  const folder = sharedPath('models', 'stories260K');

  let browser: Browser;
  let studio: WatchedPage;
  beforeAll(async () => {
    browser = await launchChromium();
    studio = await openStudio(browser, { viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' });
  });
  afterAll(() => browser.close());

  test('is kept, and open after a reload without asking', async () => {
    const { page, problems } = studio;
    await goTo(page, 'data');
    await page.getByRole('button', { name: 'Paste' }).click();
    const rows = Array.from({ length: 20 }, (_, i) =>
      JSON.stringify({ prompt: `Say ${i}`, completion: ' yes' }),
    );
    await page.getByLabel('Rows', { exact: true }).fill(rows.join('\n'));
    await page.getByRole('button', { name: 'Read these rows' }).click();
    await expect.poll(() => factOf(page, 'Data'), { timeout: STEP_MS }).toMatch(/^Data\s+20 rows/);
    await goTo(page, 'task');
    const model = page.getByRole('region', { name: 'Model', exact: true });
    await model.getByLabel('Add a model folder').setInputFiles(folder);
    await expect.poll(() => kept(page).count(), { timeout: STEP_MS }).toBe(1);
    await expect.poll(() => kept(page).innerText()).toMatch(/stories260K\s.*1 MiB.*Is open/s);
    // The rows are read again, with this model's tokenizer.
    await expect.poll(() => factOf(page, 'Data'), { timeout: STEP_MS }).toMatch(/^Data\s+20 rows/);
    await expect.poll(() => brand(page)).toMatch(/stories260K/);
    await goTo(page, 'train');
    await openSettings(page);
    await page.getByRole('spinbutton', { name: 'Steps', exact: true }).fill('24');
    await page.getByRole('spinbutton', { name: 'Warm-up, steps' }).fill('2');
    await page.getByRole('spinbutton', { name: 'Validate every … steps' }).fill('0');
    await startAndPause(page, () => page.getByRole('button', { name: 'Start training' }).click());

    await page.reload();
    await page.getByText(/^Paused at step/).waitFor({ timeout: STEP_MS });
    await page.getByRole('group', { name: 'This run' }).getByRole('button', { name: 'Resume' }).click();
    await page.getByText(/^Done: loss/).waitFor({ timeout: STEP_MS });
    await goTo(page, 'use');
    await expect
      .poll(() => page.getByRole('region', { name: 'Adapters', exact: true }).innerText())
      .toMatch(/for stories260K.*on pasted\.jsonl, version\s+[0-9a-f]{7}/s);
    expect(problems).toEqual([]);
  });

  test('is deleted after the page says what needs it; one that is not supported gets an error, and is not kept', async () => {
    const { page, problems } = studio;
    await goTo(page, 'task');
    const model = page.getByRole('region', { name: 'Model', exact: true });
    const parent = mkdtempSync(join(tmpdir(), 'graft-'));
    const odd = join(parent, 'oddity');
    cpSync(folder, odd, { recursive: true });
    chmodSync(odd, 0o755);
    rmSync(join(odd, 'config.json'));
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as object;
    writeFileSync(join(odd, 'config.json'), JSON.stringify({ ...config, model_type: 'oddity' }));
    await model.getByLabel('Add a model folder').setInputFiles(odd);
    await model.getByRole('alert').waitFor({ timeout: STEP_MS });
    await expect.poll(() => model.getByRole('alert').innerText()).toMatch(/"oddity" is not supported/);
    await expect.poll(() => kept(page).count()).toBe(1);
    rmSync(parent, { recursive: true });

    await models(page).getByRole('button', { name: 'Delete stories260K' }).click();
    await expect.poll(() => kept(page).getByRole('status').innerText()).toMatch(/1 adapter needs it/);
    await models(page).getByRole('button', { name: 'Delete for good' }).click();
    await expect.poll(() => kept(page).count()).toBe(0);
    await model.getByRole('button', { name: 'Open Sprig, bundled' }).click();
    await expect.poll(() => brand(page), { timeout: STEP_MS }).toMatch(/Sprig/);
    expect(problems).toEqual([]);
  });
});
