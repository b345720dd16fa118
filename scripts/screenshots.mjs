// @ts-check
/**
 * Takes the pictures of the studio that the README shows: `node scripts/screenshots.mjs [FOLDER]` (docs/pictures by default). Builds the
 * page, opens it in Chromium, tunes the bundled model as a first visit would, and photographs each stage in both themes.
 */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { chromium } from 'playwright-core';
import { build, preview } from 'vite';
import { findChromium, root } from './machine.mjs';

const folder = resolve(process.argv[2] ?? join(root, 'docs', 'pictures'));
const RUN_MS = 300_000;
const SETTLE_MS = 300;

const executablePath = findChromium();
if (!executablePath) {
  console.error('No Chromium: run node scripts/setup.mjs');
  process.exit(1);
}
mkdirSync(folder, { recursive: true });
await build({ root, logLevel: 'warn' });
const server = await preview({ root, logLevel: 'warn', preview: { port: 0, strictPort: false } });
const browser = await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
});

try {
  const page = await browser.newPage({
    viewport: { width: 1440, height: 900 },
    reducedMotion: 'reduce',
  });
  /** @param {string} name */
  const take = async (name) => {
    for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.evaluate('document.fonts.ready');
      await page.waitForTimeout(SETTLE_MS);
      await page.screenshot({ path: join(folder, `${name}-${colorScheme}.png`) });
    }
    console.log(`Took ${name}`);
  };

  await page.goto(server.resolvedUrls?.local[0] ?? '');
  const tune = page.getByRole('button', { name: 'Tune a model now' });
  // The rows are there, and the GPU is known.
  await page
    .getByRole('button', { name: /^Tune on this/ })
    .first()
    .and(page.locator(':enabled'))
    .waitFor();
  await take('start');
  await tune.click();
  const both = page.getByRole('button', { name: 'Ask both the same question' });
  await both.waitFor({ timeout: RUN_MS });
  await take('train');
  await both.click();
  await page.getByRole('button', { name: 'Show the probabilities' }).nth(1).waitFor({ timeout: RUN_MS });
  await take('use');
  await page.getByRole('link', { name: 'Data' }).first().click();
  await take('data');
  await page.getByRole('link', { name: 'Evaluate' }).first().click();
  await page.getByRole('button', { name: 'Measure every method' }).click();
  await page
    .getByRole('button', { name: 'Measure again' })
    .and(page.locator(':enabled'))
    .waitFor({ timeout: RUN_MS });
  await take('evaluate');
} finally {
  await browser.close();
  await server.close();
}
