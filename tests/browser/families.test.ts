/**
 * A model of another family than the bundled one: progress while it is opened, what the form of a run offers, full fine-tuning, and
 * adapters and rows of the earlier model. The tests build on each other.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeContexts, openChromium, openStudio, type WatchedPage } from './chromium.ts';
import { engineOf } from './gate.ts';
import { memorySource } from '../../src/weights/bytes.ts';
import { openSafetensors } from '../../src/weights/safetensors.ts';
import { downloadOf, factOf, goTo, openSample, WAIT } from './looks.ts';
import { writeRandomGpt2 } from './model-files.ts';

const NAME = 'Random GPT-2';

let browser: Browser;
let studio: WatchedPage;
let page: Page;
let scratch: string;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'graft-families-'));
  await writeRandomGpt2(join(scratch, NAME));
  browser = await openChromium();
  studio = await openStudio(browser, { viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' });
  ({ page } = studio);
});
afterAll(async () => {
  await closeContexts(browser);
  rmSync(scratch, { recursive: true, force: true });
});

const setting = (name: string): Locator => page.getByLabel(name, { exact: true });

/** Shows all settings, and sets these. */
async function fill(settings: Readonly<Record<string, string>>): Promise<void> {
  const all = page.getByText('Every setting, explained');
  await all.waitFor(WAIT);
  if (!(await setting('Steps').isVisible())) await all.click();
  for (const [name, value] of Object.entries(settings)) await setting(name).fill(value);
}

/** Trains on the open rows, with what the form has but for these settings. */
async function train(settings: Readonly<Record<string, string>>): Promise<void> {
  await fill(settings);
  await page.getByRole('button', { name: 'Start training' }).click();
  await page.getByText(/^Done: loss/).waitFor(WAIT);
}
const SHORT = {
  Steps: '2',
  'Warm-up, steps': '1',
  'Batch size': '2',
  'Validate every … steps': '0',
  'Answer every … steps': '0',
};

test('the page counts the bytes of a model while it is copied and loaded', async () => {
  await goTo(page, 'data');
  await openSample(page);
  await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/^Data\s+360 rows/);
  await goTo(page, 'train');
  await train(SHORT);
  await goTo(page, 'task');
  // A slow disk.
  await engineOf(page).evaluate(() => {
    const read = Blob.prototype.arrayBuffer;
    Blob.prototype.arrayBuffer = async function () {
      if (this.size > 2 ** 14) await new Promise((resolve) => setTimeout(resolve, 200));
      return read.call(this);
    };
  });
  const region = page.getByRole('region', { name: 'Model', exact: true });
  const told: string[] = [];
  await page.exposeFunction('report', (text: string) => told.push(text));
  await region.evaluate((element) => {
    const { report } = globalThis as unknown as { report(text: string): void };
    new MutationObserver(() => {
      for (const { textContent } of element.querySelectorAll('.wait p')) report(textContent);
    }).observe(element, { subtree: true, childList: true, characterData: true });
  });
  await region.getByLabel('Add a model folder').setInputFiles(join(scratch, NAME));
  await expect.poll(() => region.locator('dl').innerText(), WAIT).toMatch(/gpt2/);
  const counted = (label: string): string[] =>
    told.filter((text) => new RegExp(`^${label}\\s+[\\d.,]+ [KM]?i?B of [\\d.,]+ [KM]iB`).test(text));
  expect(counted('Copying the model into this browser').length, told.join('\n')).toBeGreaterThan(0);
  expect(counted('Loading the model').length, told.join('\n')).toBeGreaterThan(1);
});

test('the page names both models where an adapter was made for another one, and offers its own', async () => {
  await goTo(page, 'use');
  await page.getByLabel('Right side').selectOption({ label: 'voice 1, for sprig' });
  await page.getByText('“voice 1” was made for Sprig').waitFor(WAIT);
  await page.getByText(`${NAME} is open.`).first().waitFor();
  await page.getByRole('button', { name: 'Open Sprig', exact: true }).waitFor();
});

test('rows that the model cannot read are closed, and open again with the model before', async () => {
  await goTo(page, 'train');
  await page.getByRole('button', { name: 'New run' }).click();
  await page.getByText('The data has conversations and the model has no chat template.').waitFor(WAIT);
  await page.getByText('A run learns from rows, and none are open.').waitFor();
  expect(await page.getByRole('button', { name: /^Open the sample/ }).count()).toBe(0);
  await goTo(page, 'task');
  const open = (name: string): Promise<void> =>
    page.getByRole('button', { name: `Open ${name}` }).click(WAIT);
  await open('Sprig, bundled');
  await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/^Data\s+360 rows/);
  await open(NAME);
  await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/could not be read/);
});

test('IA3 targets the same layers of GPT-2 as PEFT', async () => {
  await goTo(page, 'data');
  await page.getByRole('button', { name: 'Paste' }).click();
  const rows = Array.from({ length: 40 }, (_, i) => `{"prompt":"Say ${i}","completion":"yes"}`);
  await page.getByLabel('Rows', { exact: true }).fill(rows.join('\n'));
  await page.getByRole('button', { name: 'Read these rows' }).click();
  await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/^Data\s+40 rows/);
  await goTo(page, 'train');
  await page.getByRole('button', { name: 'New run' }).click();
  await page.getByRole('radio', { name: /^IA3 adapter/ }).check(WAIT);
  await fill({});
  const layers = page.getByRole('group', { name: /^Target modules/ });
  const taken = (): Promise<string[]> =>
    layers
      .locator('label')
      .evaluateAll((labels) =>
        labels
          .filter((label) => label.querySelector('input')!.checked)
          .map((label) => label.textContent.trim()),
      );
  // TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING of PEFT.
  await expect.poll(taken, WAIT).toEqual(['c_attn', 'mlp.c_proj']);
  await train(SHORT);
  await page.getByRole('heading', { level: 1 }).locator('xpath=..').getByText(/^IA3/).waitFor();
});

test('the learning rate follows the optimiser unless a person has set one', async () => {
  await page.getByRole('button', { name: 'New run' }).click();
  await page.getByRole('radio', { name: 'Balanced' }).check(WAIT);
  await fill({});
  const rate = setting('Learning rate');
  const optimiser = setting('Optimiser');
  const usual = await rate.inputValue();
  await optimiser.selectOption({ label: 'Lion' });
  await expect.poll(async () => Number(await rate.inputValue())).toBeLessThan(Number(usual));
  await page.getByText(`instead of ${usual}.`).waitFor();
  await optimiser.selectOption({ label: 'AdamW' });
  await expect.poll(() => rate.inputValue()).toBe(usual);
  await rate.fill('0.0123');
  await optimiser.selectOption({ label: 'SGD with momentum' });
  await page.getByText('Your learning rate of 0.0123 stays.').waitFor();
  expect(await rate.inputValue()).toBe('0.0123');
  await optimiser.selectOption({ label: 'AdamW' });
  await rate.fill(usual);
});

test('the last layer of a model without a chat template is trained, and exported as a model or as what differs', async () => {
  await page.getByRole('radio', { name: /^Full fine-tuning/ }).check(WAIT);
  await train({ ...SHORT, 'Last layers only, layers': '1' });
  await page.getByText(/The model “.*” is kept\./).waitFor(WAIT);
  await page.getByRole('link', { name: 'Open or save the model' }).click();
  const row = page.getByRole('row').filter({ hasText: 'In this browser:' }).filter({ hasNotText: NAME });
  const delta = await downloadOf(page, () =>
    row.getByRole('button', { name: /^Save what differs/ }).click(WAIT),
  );
  expect(delta.suggestedFilename()).toMatch(/-delta\.zip$/);
  const files = Object.entries(unzipSync(readFileSync(await delta.path())));
  expect(files.map(([name]) => name.replace(/^.*\//, ''))).toEqual(['delta.safetensors', 'SHA256SUMS']);
  const { tensors } = await openSafetensors(memorySource('delta', Uint8Array.from(files[0][1])));
  expect([...tensors.keys()].filter((name) => !/(^|\.)(h\.1\.|ln_f\.)/.test(name))).toEqual([]);
  await row.getByRole('button', { name: /^Open / }).click(WAIT);
  await goTo(page, 'use');
  const prompt = page.getByLabel('Prompt for both');
  await prompt.fill('Say 3');
  await prompt.press('Enter');
  await page
    .getByText(/\d tokens?, /)
    .first()
    .waitFor(WAIT);
  expect(studio.problems).toEqual([]);
});

test('a run that fails has ended: it offers what was kept, and keeps its error', async () => {
  await goTo(page, 'task');
  await page.getByRole('button', { name: 'Open Sprig, bundled' }).click(WAIT);
  // The other model's rows are as many: the form is that of Sprig once it is open.
  await expect.poll(() => factOf(page, 'Task'), WAIT).toMatch(/Sprig is open/);
  await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/^Data\s+40 rows/);
  await goTo(page, 'train');
  const next = page.getByRole('button', { name: 'New run' });
  await next.click(WAIT);
  await page.getByRole('radio', { name: /^LoRA adapter/ }).check(WAIT);
  const wild = {
    'Learning rate': '10',
    'Gradient clipping': '0',
    'Warm-up, steps': '0',
    'LoRA+ learning rate ratio': '1000',
  };
  await fill({ ...SHORT, Steps: '40', ...wild });
  await page.getByRole('button', { name: 'Start training' }).click();
  await page.getByRole('button', { name: 'Start anyway' }).click();
  const failure = page
    .getByRole('main')
    .getByText(/The loss or the gradient of step \d+ is not a finite number/);
  await failure.waitFor(WAIT);
  await page.getByText('Broke off.', { exact: true }).waitFor(WAIT);
  expect(await page.getByRole('button', { name: /^(Resume|Stop and keep|Discard)$/ }).count()).toBe(0);
  await next.click();
  await page.getByRole('button', { name: 'Start training' }).waitFor();
  expect(await failure.count()).toBe(0);
  await page.getByRole('button', { name: 'Back to the run' }).click();
  await failure.waitFor();
});
