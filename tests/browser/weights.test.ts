/**
 * The dtype of the base weights: chosen under Task, planned, trained on, kept with the run and used again after a reload. The tests share a
 * profile and build on each other.
 */
import { readFileSync } from 'node:fs';
import { unzipSync } from 'fflate';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeShared, sharedPath } from '../shared.ts';
import { closePages, openWide, type WatchedPage } from './chromium.ts';
import { startAndPause } from './gate.ts';
import { downloadOf, factOf, goTo, inspect, openSettings, WAIT } from './looks.ts';

const STEPS = 16;
const UNITS: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20 };

let studio: WatchedPage;
let page: Page;
beforeAll(async () => {
  studio = await openWide({
    // What a GPU without half precision can hold.
    on: 'gpu',
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  ({ page } = studio);
});
afterAll(closePages);

const weights = (): Locator => page.getByRole('region', { name: /^Base weights/ });
const controls = (): Locator => page.getByRole('group', { name: 'This run' });

/** The first number of bytes in a text. */
function bytesIn(text: string): number {
  const [, number, unit] = /([\d.]+) (B|KiB|MiB)/.exec(text) ?? [];
  return Number(number) * UNITS[unit];
}

/** Chooses another dtype for the base under Task. @returns bytes of the base before and after */
async function hold(name: string, words: RegExp): Promise<[before: number, after: number]> {
  await goTo(page, 'task');
  await expect.poll(() => weights().innerText(), WAIT).toMatch(/on the GPU/);
  const before = bytesIn(await weights().innerText());
  const form = weights().getByRole('radio', { name });
  if (!(await form.isVisible())) await weights().getByText('Load them in another format').click();
  await form.check();
  await weights().getByRole('button', { name: 'Load the base in this format' }).click();
  await expect.poll(() => weights().getByRole('paragraph').first().innerText(), WAIT).toMatch(words);
  await expect.poll(() => weights().innerText(), WAIT).toMatch(/on the GPU/);
  return [before, bytesIn(await weights().innerText())];
}

/** What the planner says of the base in the next run. */
async function plannedBase(): Promise<number> {
  await goTo(page, 'train');
  const again = page.getByRole('button', { name: 'New run' });
  if (await again.isVisible()) await again.click();
  const memory = page.getByRole('region', { name: /^This run needs/ });
  await memory.waitFor(WAIT);
  await expect.poll(() => memory.getAttribute('aria-busy'), WAIT).toBe('false');
  return bytesIn(
    await memory.locator('dt', { hasText: 'base model' }).locator('xpath=following-sibling::dd').innerText(),
  );
}

async function fillAndStart(): Promise<void> {
  await openSettings(page);
  for (const [name, value] of Object.entries({
    Steps: String(STEPS),
    'Warm-up, steps': '2',
    'Batch size': '2',
    'Validate every … steps': '0',
    'Answer every … steps': '0',
  }))
    await page.getByRole('spinbutton', { name, exact: true }).fill(value);
  await page.getByRole('button', { name: 'Start training' }).click();
}

/** Losses of the runs in the database, the oldest run first. */
const losses = (): Promise<number[][]> =>
  page.evaluate(
    () =>
      new Promise<number[][]>((resolve, reject) => {
        const opening = indexedDB.open('graft');
        opening.onerror = () => reject(opening.error!);
        opening.onsuccess = () => {
          const all = opening.result.transaction('runs').objectStore('runs').getAll();
          all.onsuccess = () => {
            opening.result.close();
            const runs = all.result as { created: number; steps: { loss: number }[] }[];
            resolve(
              runs.sort((a, b) => a.created - b.created).map(({ steps }) => steps.map(({ loss }) => loss)),
            );
          };
        };
      }),
  );

describeShared('the base of a small model', () => {
  test('can be quantised to four bits, which takes less memory, also in the plan', async () => {
    await goTo(page, 'task');
    const model = page.getByRole('region', { name: 'Model', exact: true });
    await model.getByLabel('Add a model folder').setInputFiles(sharedPath('models', 'stories260K'));
    await expect.poll(() => model.innerText(), WAIT).toMatch(/Name\s+stories260K/);
    await goTo(page, 'data');
    await page.getByRole('button', { name: 'Paste' }).click();
    const rows = Array.from({ length: 20 }, (_, i) =>
      JSON.stringify({ prompt: `Say ${i}`, completion: ' yes, there was a dog' }),
    );
    await page.getByLabel('Rows', { exact: true }).fill(rows.join('\n'));
    await page.getByRole('button', { name: 'Read these rows' }).click();
    await expect.poll(() => factOf(page, 'Data'), WAIT).toMatch(/^Data\s+20 rows/);
    const whole = await plannedBase();

    await goTo(page, 'task');
    await expect.poll(() => weights().innerText(), WAIT).toMatch(/as in the file, .* on the GPU; .*f32/);
    await weights().getByText('Load them in another format').click();
    const offered = await weights().getByRole('group', { name: 'Matrices of the layers' }).innerText();
    expect(offered).toMatch(/As in the file\s+F32: its numbers as they are/);
    // SwiftShader has no half precision, and 172 columns are no whole blocks.
    expect(offered).toMatch(/16 bits \(f16\)\s+This adapter has no half-precision/);
    await expect.poll(() => weights().getByRole('radio', { name: '16 bits' }).isDisabled()).toBe(true);
    expect(offered).toMatch(/5 matrices stay in f32/);
    expect(await inspect(page, 'base-weights')).toEqual([]);

    const [before, after] = await hold('4 bits (nf4)', /^nf4,/);
    expect(after).toBeLessThan(before / 2);
    await expect.poll(plannedBase).toBeLessThan(whole / 2);
    // The rows are open still: they belong to the model, however it is held.
    await expect.poll(() => factOf(page, 'Data')).toMatch(/^Data\s+20 rows/);
    expect(studio.problems).toEqual([]);
  });

  test('is changed and changed back from the plan of a run', async () => {
    // Sample answers take more memory than this base: then the page does not offer another way to hold it.
    const settings = page.getByText('Every setting, explained');
    await settings.click();
    await page.getByRole('spinbutton', { name: 'Answer every … steps', exact: true }).fill('0');
    await settings.click();
    await page.getByRole('button', { name: /^Keep the base as in its file: .* instead of/ }).click();
    const forth = page.getByRole('button', { name: /^Keep the base in 4 bits: .* instead of/ });
    await forth.waitFor(WAIT);
    const words = await forth.innerText();
    const [small, large] = words.replace(/^.*?: /, '').split(' instead of ');
    expect(bytesIn(small)).toBeLessThan(bytesIn(large) / 2);
    // The focus moves from one button to the other.
    await expect.poll(() => forth.evaluate((at) => at === document.activeElement), WAIT).toBe(true);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: /^Keep the base as in its file/ }).waitFor(WAIT);
    expect(bytesIn(small)).toBe(await plannedBase());
    expect(studio.problems).toEqual([]);
  });

  test('has the same dtype when a run resumes, after a reload and whatever was chosen since', async () => {
    await startAndPause(page, fillAndStart);
    await expect.poll(() => page.getByRole('main').innerText()).toMatch(/seed \d+, base in nf4/);

    await page.reload();
    await page.getByText(/^Paused at step/).waitFor(WAIT);
    await goTo(page, 'task');
    // The rows open the model, as it was chosen.
    await expect.poll(() => weights().innerText(), WAIT).toMatch(/nf4, .* on the GPU/);
    await hold('8 bits (q8_0)', /^q8_0,/);
    await goTo(page, 'train');
    await controls().getByRole('button', { name: 'Resume' }).click();
    await page.getByText(/^Done: loss/).waitFor(WAIT);
    const [resumed] = await losses();
    expect(resumed).toHaveLength(STEPS);
    expect(resumed.every(Number.isFinite)).toBe(true);
    expect(resumed[STEPS - 1]).toBeLessThan(resumed[0]);
    await page.getByRole('button', { name: 'Copy as a command line' }).click();
    await expect
      .poll(() => page.evaluate(() => navigator.clipboard.readText()))
      .toMatch(/ --base-weights nf4( |$)/);

    // The same run in one go, on the base that is open now, is the same bit for bit.
    await goTo(page, 'task');
    await expect.poll(() => weights().innerText(), WAIT).toMatch(/nf4, .* on the GPU/);
    await plannedBase();
    await page.getByRole('button', { name: 'Start training' }).click();
    await page.getByText(/^Done: loss/).waitFor(WAIT);
    expect((await losses())[1]).toEqual(resumed);

    // On another base it is not.
    await hold('8 bits (q8_0)', /^q8_0,/);
    await plannedBase();
    await page.getByRole('button', { name: 'Start training' }).click();
    await page.getByText(/^Done: loss/).waitFor(WAIT);
    expect((await losses())[2]).not.toEqual(resumed);
    expect(studio.problems).toEqual([]);
  });

  test('is named by the adapter, and answers', async () => {
    await goTo(page, 'use');
    await page.getByRole('textbox', { name: /prompt|message/i }).fill('Say 3');
    await page.keyboard.press('Enter');
    await expect
      .poll(() => page.getByRole('button', { name: 'Show the probabilities' }).count(), WAIT)
      .toBe(2);
    const zipped = await downloadOf(page, () =>
      page.getByRole('button', { name: 'Download zip of pasted 1' }).click(),
    );
    const files = unzipSync(readFileSync(await zipped.path()));
    const card = Object.entries(files).find(([path]) => path.endsWith('README.md'))![1];
    expect(new TextDecoder().decode(card)).toMatch(/\| Base weights \| nf4 \|/);
    expect(studio.problems).toEqual([]);
  });
});
