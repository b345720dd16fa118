/**
 * The studio in the production build, on SwiftShader: the whole path by keyboard from the first visit to an exported adapter, then every
 * stage for everybody, then what happens on the way. One page lives through the first two parts, since a run takes its time.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { closeContexts, openChromium, openStudio, type WatchedPage } from './chromium.ts';
import { tabTo } from './keyboard.ts';
import { engineOf, startAndPause } from './gate.ts';
import {
  axe,
  downloadOf,
  factOf,
  goTo,
  openSample,
  openSettings,
  picture,
  PICTURES,
  RULES_OF_COLOURS,
  sideways,
} from './looks.ts';

const STAGES = ['start', 'task', 'data', 'baseline', 'train', 'evaluate', 'use'] as const;
const RUN_MS = 180_000;
const STEP_MS = 60_000;
const MAX_INITIAL_BYTES = 150_000;

let browser: Browser;
let studio: WatchedPage;
let zip = '';
beforeAll(async () => {
  mkdirSync(PICTURES, { recursive: true });
  browser = await openChromium();
  studio = await openStudio(browser, {
    viewport: { width: 1440, height: 900 },
    reducedMotion: 'reduce',
    serviceWorker: true,
  });
});
afterAll(() => closeContexts(browser));

/** A built module and all that it imports: the page's timeline has those of its worker too. */
async function withImports(url: string, seen = new Set<string>()): Promise<Set<string>> {
  if (seen.has(url)) return seen;
  seen.add(url);
  const text = await (await fetch(url)).text();
  for (const [, path] of text.matchAll(/(?:from|import)\s*["`'](\.\/[\w.-]+\.js)["`']/g))
    await withImports(new URL(path, url).href, seen);
  return seen;
}

describe('the whole path, by keyboard', () => {
  test('the first load is small, and the chart is not part of it', async () => {
    const { page } = studio;
    await expect.poll(() => page.locator('main [aria-busy="true"]').count(), { timeout: 30_000 }).toBe(0);
    const worker = await withImports(engineOf(page).url());
    // The stages, and the rest of the app by the service worker, come when the page is loaded and idle.
    const asked = await page.evaluate(() => {
      const [{ loadEventStart }] = performance.getEntriesByType(
        'navigation',
      ) as PerformanceNavigationTiming[];
      return performance
        .getEntriesByType('resource')
        .map(({ name, startTime }) => ({ name, first: startTime <= loadEventStart }));
    });
    const first = asked.filter((entry) => entry.first).map(({ name }) => name);
    const scripts = [...new Set(first)].filter((url) => url.endsWith('.js') && !worker.has(url));
    expect(asked.filter(({ name }) => name.includes('chart'))).toEqual([]);
    let bytes = 0;
    for (const url of scripts) bytes += gzipSync(Buffer.from(await (await fetch(url)).arrayBuffer())).length;
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThan(MAX_INITIAL_BYTES);
  });

  test('the one button trains, and the loss falls', async () => {
    const { page } = studio;
    await tabTo(page, /^Tune a model now/);
    await page.keyboard.press('Enter');
    await page.getByRole('slider', { name: 'Step of the loss curve' }).waitFor({ timeout: STEP_MS });
    await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe('H1');
    await expect.poll(() => factOf(page, 'Train')).toMatch(/step \d+ of 60/);
    await page.screenshot({ path: join(PICTURES, 'studio-training-light-1440.png') });
    await page.getByRole('button', { name: 'Ask both the same question' }).waitFor({ timeout: RUN_MS });
    const done = await page.getByText(/^Done: loss/).innerText();
    const [first, last] = [...done.matchAll(/\d+\.\d+/g)].map(Number);
    expect(first).toBeGreaterThan(2);
    expect(last).toBeLessThan(first / 4);
  });

  test('the curve can be read without seeing it', async () => {
    const { page } = studio;
    const curve = page.getByRole('slider', { name: 'Step of the loss curve' });
    await curve.focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => curve.getAttribute('aria-valuetext')).toMatch(/^Step 2: training loss \d/);
    await expect
      .poll(() => page.getByRole('table').filter({ hasText: 'At step' }).innerText())
      .toMatch(/At step 2/);
    await page.getByText('Show as a table').click();
    const table = page.getByRole('region', { name: 'Loss by step' });
    await expect.poll(() => table.getByRole('row').count()).toBe(61);
    await page.getByText('Show as a table').click();
    const csv = await downloadOf(page, () => page.getByRole('button', { name: 'Curve as CSV' }).click());
    const text = readFileSync(await csv.path(), 'utf8');
    expect(text.split('\r\n')[0]).toMatch(/^step,train_loss/);
    const png = await downloadOf(page, () => page.getByRole('button', { name: 'Curve as PNG' }).click());
    const picture = readFileSync(await png.path());
    expect(picture.subarray(1, 4).toString()).toBe('PNG');
  });

  test('base and tuned answer side by side, and a token shows its alternatives', async () => {
    const { page } = studio;
    await page.locator('h1').focus();
    await tabTo(page, /^Ask both the same question/);
    await page.keyboard.press('Enter');
    const buttons = page.getByRole('button', { name: 'Show the probabilities' });
    await expect.poll(() => buttons.count(), { timeout: STEP_MS }).toBe(2);
    const turn = page.getByRole('article').first();
    const answers = (await turn.locator('.text').allInnerTexts()).map((text) => text.trim());
    expect(answers).toHaveLength(2);
    expect(answers.every((text) => text.length > 0)).toBe(true);
    expect(answers[0]).not.toBe(answers[1]);
    await tabTo(page, /^Show the probabilities/);
    await page.keyboard.press('Enter');
    const candidates = page.getByRole('table').filter({ hasText: 'Candidates for token' });
    const first = await candidates.innerText();
    await page
      .getByRole('toolbar', { name: /^Tokens of the answer/ })
      .first()
      .getByRole('button')
      .first()
      .focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => candidates.innerText()).not.toBe(first);
    expect(first).toMatch(/%/);
  });

  test('the adapter is exported, and no request left the page', async () => {
    const { page, problems, requests } = studio;
    await tabTo(page, /^Download zip of /);
    const download = await downloadOf(page, () => page.keyboard.press('Enter'));
    zip = join(PICTURES, '..', 'exported-adapter.zip');
    await download.saveAs(zip);
    const bytes = readFileSync(zip);
    expect(bytes.subarray(0, 2).toString()).toBe('PK');
    for (const name of ['adapter_config.json', 'adapter_model.safetensors', 'README.md'])
      expect(bytes.includes(name)).toBe(true);
    const { origin } = new URL(inject('address'));
    expect(requests.filter((url) => !url.startsWith('blob:') && new URL(url).origin !== origin)).toEqual([]);
    expect(problems).toEqual([]);
  });

  test('base and tuned are measured on held-out rows', async () => {
    const { page } = studio;
    await goTo(page, 'evaluate');
    await page.getByLabel('Rows').fill('6');
    await page.getByRole('button', { name: 'Measure every method' }).click();
    const scores = page.getByRole('table', { name: /^Methods on the same rows/ });
    await scores.waitFor({ timeout: STEP_MS });
    await expect.poll(() => page.locator('h1').innerText()).toMatch(/adapter|difference/i);
    for (const name of [/^Base model/, /adapter$/])
      await expect.poll(() => scores.getByRole('rowheader', { name }).count()).toBe(1);
    await goTo(page, 'baseline');
    await page.getByLabel('Rows').fill('4');
    await page.getByRole('button', { name: 'Measure every method' }).click();
    await page.getByRole('table', { name: /Methods without tuning/ }).waitFor({ timeout: STEP_MS });
  });
});

test.each([360, 821, 900, 1024, 1280])(
  '%i px wide: no table hides a column, and methods have room',
  async (width) => {
    const { page } = studio;
    await page.setViewportSize({ width, height: 900 });
    for (const stage of ['baseline', 'train', 'evaluate']) {
      await goTo(page, stage);
      const table = page.locator('table.stacked');
      await table.waitFor();
      await expect
        .poll(() => table.evaluate(({ parentElement: place }) => place!.scrollWidth - place!.clientWidth), {
          message: stage,
        })
        .toBeLessThanOrEqual(0);
      await expect
        .poll(() =>
          table
            .locator('tbody th')
            .first()
            .evaluate((name) => name.clientWidth),
        )
        .toBeGreaterThan(150);
    }
  },
);

test.each([360, 1440])('%i px wide: nothing scrolls sideways on any screen', async (width) => {
  const { page } = studio;
  await page.setViewportSize({ width, height: 900 });
  for (const place of [...STAGES, 'start', 'circle', 'documents', 'benchmark', 'storage', 'guide']) {
    await goTo(page, place);
    await page.evaluate(() => document.fonts.ready);
    // Charts follow the size of the window a frame later.
    await expect.poll(() => sideways(page), { message: place }).toEqual([]);
  }
});

describe.each(['light', 'dark'] as const)('%s', (colorScheme) => {
  test.each([
    [1440, 900],
    [360, 780],
  ])('%i px wide: axe finds nothing on any stage, nothing overflows', async (width, height) => {
    const { page, problems } = studio;
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const found: string[] = [];
    for (const stage of STAGES) {
      await page.setViewportSize({ width, height });
      await goTo(page, stage);
      await page.evaluate(() => document.fonts.ready);
      const across = await page.evaluate(() => document.documentElement.scrollWidth);
      if (across > width) found.push(`${stage} is ${across} px wide`);
      await picture(page, `${stage}-${colorScheme}`, width, height);
      // The other rules read the same document in the same layout as in the light theme.
      const rules = colorScheme === 'dark' ? RULES_OF_COLOURS : undefined;
      for (const violation of await axe(page, rules)) found.push(`${stage}: ${violation}`);
    }
    expect(found).toEqual([]);
    expect(problems).toEqual([]);
  });
});

describe('on the way', () => {
  test('an adapter is renamed, deleted, restored, and imported from its zip', async () => {
    const { page, problems } = studio;
    await page.setViewportSize({ width: 1440, height: 900 });
    await goTo(page, 'use');
    const library = page.getByRole('region', { name: 'Adapters', exact: true });
    await library.getByLabel('Name', { exact: true }).fill('Captain');
    await page.keyboard.press('Enter');
    await library.getByRole('button', { name: 'Delete Captain' }).click();
    await library.getByRole('button', { name: 'Bring it back' }).click();
    await library.getByRole('button', { name: 'Delete Captain' }).waitFor();
    await library.getByLabel('Import a zip').setInputFiles(zip);
    await expect.poll(() => library.getByRole('listitem').count(), { timeout: STEP_MS }).toBe(2);
    // The loss is that of its card: its run is not here.
    await expect.poll(() => library.innerText()).toMatch(/, loss [\d.]+ on validation rows/);
    await library.getByLabel('Import a zip').setInputFiles({
      name: 'not.zip',
      mimeType: 'application/zip',
      buffer: Buffer.from('no zip at all'),
    });
    await library.getByRole('alert').waitFor();
    await expect.poll(() => library.getByRole('alert').innerText()).toMatch(/adapter_config|zip/i);
    await library.getByRole('button', { name: 'Put away' }).click();
    expect(problems).toEqual([]);
  });

  test('rows are pasted, bad lines are listed with their reasons, and hostile text stays text', async () => {
    const { page, problems } = studio;
    await goTo(page, 'data');
    await page.getByRole('button', { name: 'Paste' }).click();
    const hostile = '<img src=x onerror="document.title=1"><script>alert(1)</script>';
    const rows = Array.from({ length: 20 }, (_, i) =>
      JSON.stringify({ prompt: `Say ${i} ${hostile}`, completion: ' yes <b>bold</b>' }),
    );
    rows.splice(2, 0, '{"prompt": "no end', '{"other": 1}');
    await page.getByRole('textbox', { name: 'Rows', exact: true }).fill(rows.join('\n'));
    await page.getByRole('button', { name: 'Read these rows' }).click();
    await page.getByText('2 lines were not read').waitFor({ timeout: STEP_MS });
    await expect
      .poll(() =>
        page
          .getByRole('listitem')
          .filter({ hasText: /^line 3/ })
          .innerText(),
      )
      .toMatch(/line 3 .+/);
    await expect
      .poll(() =>
        page
          .getByRole('listitem')
          .filter({ hasText: /^line 4/ })
          .innerText(),
      )
      .toMatch(/line 4 .+/);
    expect(await page.locator('main img, main script').count()).toBe(0);
    const before = await page.getByRole('heading', { name: /as the model sees it/ }).innerText();
    await page.getByRole('button', { name: 'Next row' }).click();
    await expect
      .poll(() => page.getByRole('heading', { name: /as the model sees it/ }).innerText())
      .not.toBe(before);
    const tokens = page.getByRole('slider', { name: 'Tokens of this row' });
    await tokens.focus();
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => tokens.getAttribute('aria-valuetext')).toMatch(/^Token 1/);
    await expect.poll(() => tokens.innerText()).toContain('onerror');
    await picture(page, 'data-problems-dark', 1440, 900);
    await page.getByLabel('Open a file').setInputFiles({
      name: 'broken.jsonl',
      mimeType: 'application/jsonl',
      buffer: Buffer.from('not json\nat all\n'),
    });
    await page.getByRole('button', { name: 'Training rows', exact: true }).click();
    await page.getByRole('alert').first().waitFor();
    // The earlier rows are still open.
    await expect.poll(() => factOf(page, 'Data')).toMatch(/^Data\s+20 rows/);
    expect(problems).toEqual([]);
  });

  test('settings that cannot work say why, and a run is paused, resumed after a reload, and stopped', async () => {
    const { page, problems } = studio;
    await goTo(page, 'data');
    await openSample(page);
    await expect.poll(() => factOf(page, 'Data'), { timeout: STEP_MS }).toMatch(/^Data\s+360 rows/);
    await goTo(page, 'train');
    await page.getByRole('button', { name: 'New run' }).click();
    await openSettings(page);
    await expect.poll(() => page.getByLabel('Name of the run').inputValue()).toBe('voice 2');
    const start = page.getByRole('button', { name: 'Start training' });
    await page.getByLabel('Steps', { exact: true }).fill('24');
    await page.getByLabel('Warm-up, steps', { exact: true }).fill('30');
    await expect
      .poll(() => page.getByRole('alert').innerText())
      .toMatch(/Warm-up cannot take longer than the 24 steps/);
    await expect.poll(() => start.isDisabled()).toBe(true);
    await picture(page, 'settings-dark', 1440, 900);
    expect(await axe(page)).toEqual([]);
    await page.getByLabel('Warm-up, steps', { exact: true }).fill('2');
    await page.getByRole('spinbutton', { name: 'Validate every … steps' }).fill('0');
    await startAndPause(page, () => start.click());
    const step = Number(/\d+/.exec(await page.getByText(/^Paused at step/).innerText())?.[0]);
    expect(step).toBeGreaterThan(0);
    await page.reload();
    await page.getByText(/^Paused at step/).waitFor({ timeout: STEP_MS });
    await page.getByRole('group', { name: 'This run' }).getByRole('button', { name: 'Resume' }).click();
    await expect
      .poll(async () => Number(/step (\d+) of 24/.exec(await factOf(page, 'Train'))?.[1] ?? 0), {
        timeout: STEP_MS,
      })
      .toBeGreaterThan(step);
    await page.getByRole('button', { name: 'Stop and keep' }).click();
    await page.getByText(/^(Stopped at step|Done)/).waitFor({ timeout: STEP_MS });
    await expect.poll(() => factOf(page, 'Use')).toMatch(/3 adapters kept/);
    expect(problems).toEqual([]);
  });
});
