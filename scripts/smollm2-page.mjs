// @ts-check
/**
 * SmolLM2-135M-Instruct in the page: `node scripts/smollm2-page.mjs [--steps 20] [--device cpu|swiftshader]`. Builds the page, opens it in Chromium, on
 * the processor unless it is told otherwise, chooses
 * the GGUF file and the 40 problems as a person would, trains, and compares every loss with what the headless command makes of the same
 * settings. Prints how long each part took. Needs ../shared.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { build, preview } from 'vite';
import { findChromium, root } from './machine.mjs';
import { bringModel, GGUF, graft, readLines, REFERENCE, take } from './smollm2.mjs';

const STEP_MS = 60_000;
const OPEN_MS = 600_000;
const RUN_MS = 4 * 3_600_000;
/** Tokens of a row; what is longer is cut, in the page and headless. */
const LENGTH = 256;
/** Differences of two devices in f32. */
const TOLERANCE = 1e-3;

const args = process.argv.slice(2);
const steps = take(args, '--steps', 20);
const device = args.includes('--device') ? args[args.indexOf('--device') + 1] : 'cpu';
const data = join(REFERENCE, 'messages.jsonl');
const executablePath = findChromium();
if (!executablePath) throw new Error('No Chromium: run node scripts/setup.mjs');
bringModel();
await build({ root, logLevel: 'warn' });
const server = await preview({ root, logLevel: 'warn', preview: { port: 0, strictPort: false } });
const browser = await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
});
const out = mkdtempSync(join(tmpdir(), 'graft-smollm2-'));

/** @param {string} what @param {() => Promise<unknown>} act */
async function timed(what, act) {
  const start = performance.now();
  await act();
  console.log(`${what}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

try {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  page.on('pageerror', (error) => console.error(`uncaught: ${error.message}`));
  /** @param {string} stage */
  const goTo = (stage) => page.evaluate(`location.hash = '#/${stage}'`);

  if (device !== 'cpu') await page.addInitScript("localStorage.setItem('graft-device', 'gpu')");
  await page.goto(server.resolvedUrls?.local[0] ?? '');
  const tune = page.getByRole('button', { name: 'Tune a model now' });
  await tune.and(page.locator(':enabled')).waitFor({ timeout: STEP_MS });
  await goTo('task');
  await timed('Opening the GGUF file', async () => {
    await page.getByLabel('Add a GGUF file').setInputFiles(GGUF);
    await page.getByText('49,152').waitFor({ timeout: OPEN_MS });
  });
  await goTo('data');
  await timed('Importing the conversations', async () => {
    await page.getByLabel('Open a file').setInputFiles(data);
    await page.getByLabel('Validation, %').fill('0');
    await page.getByLabel('Validation, %').press('Tab');
    await page.getByLabel('Test, %').fill('0');
    await page.getByLabel('Test, %').press('Tab');
    await page.getByLabel('Maximum length, tokens per row').fill(`${LENGTH}`);
    await page.getByLabel('Maximum length, tokens per row').press('Tab');
    await page
      .getByText(/41 rows/)
      .first()
      .waitFor({ timeout: STEP_MS });
  });
  await goTo('train');
  await page.getByText('Every setting, explained').click();
  /** @type {Record<string, number>} */
  const numbers = {
    Steps: steps,
    'Batch size': 2,
    'Learning rate': 0.0005,
    'Warm-up, steps': 0,
    'Validate every … steps': 0,
    'Answer every … steps': 0,
  };
  for (const [label, value] of Object.entries(numbers)) {
    await page.getByLabel(label, { exact: true }).fill(`${value}`);
  }
  await page.getByLabel('Schedule', { exact: true }).selectOption('constant');
  await timed(`Training ${steps} steps, compiling included`, async () => {
    await page.getByRole('button', { name: 'Start training' }).click();
    await page.getByRole('button', { name: 'Ask both the same question' }).waitFor({ timeout: RUN_MS });
  });
  const csv = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Curve as CSV' }).click();
  const rows = readFileSync(await (await csv).path(), 'utf8')
    .trim()
    .split('\r\n')
    .slice(1);
  const inPage = rows.map((row) => Number(row.split(',')[1]));

  const { seconds } = graft(
    'train',
    ...['--model', GGUF, '--data', data, '--out', out, '--steps', `${steps}`, '--batch', '2'],
    ...['--lr', '0.0005', '--schedule', 'constant', '--warmup', '0', '--precision', 'f32'],
    ...['--max-length', `${LENGTH}`, '--device', device],
  );
  console.log(`The same headless: ${seconds.toFixed(1)} s`);
  const headless = readLines(readFileSync(join(out, 'metrics.jsonl'), 'utf8'))
    .map(({ loss }) => loss)
    .filter((loss) => loss !== undefined);
  const differences = inPage.map((loss, i) => Math.abs(loss - headless[i]));
  for (const [i, loss] of inPage.entries())
    console.log(`  step ${i + 1}: ${loss.toFixed(6)} in the page, ${headless[i].toFixed(6)} headless`);
  const worst = Math.max(...differences);
  console.log(`${inPage.length} steps: at most ${worst.toExponential(2)} apart`);
  if (inPage.length !== steps || !(worst < TOLERANCE)) process.exitCode = 1;
} finally {
  await browser.close();
  await server.close();
  rmSync(out, { recursive: true, force: true });
}
