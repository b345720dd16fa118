// @ts-check
/**
 * How fast the page answers while it trains: `node bench/latency.mjs [SECONDS]` (30 by default). Builds the page, starts a run in Chromium,
 * and dispatches real key and pointer events through the debugger: arrow keys and presses on the curve, letters into
 * a field of another stage, presses that open and close parts of the page. The browser's own Event Timing says when the page began to
 * handle each of them, and when the frame that shows the answer was ready. The same is measured before, with nothing running.
 */
import { chromium } from 'playwright-core';
import { build, preview } from 'vite';
import { findChromium, root } from '../scripts/machine.mjs';

const seconds = Number(process.argv[2] ?? 30);
const BETWEEN_MS = 120;
const RUN_MS = 300_000;
const STEPS = 2000;
/** Event Timing reports nothing shorter. */
const THRESHOLD_MS = 16;

const executablePath = findChromium();
if (!executablePath) throw new Error('No Chromium: run node scripts/setup.mjs --tests');
await build({ root, logLevel: 'error' });
const server = await preview({ root, logLevel: 'warn', preview: { port: 0, strictPort: false } });
const browser = await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
});

/** @typedef {{ name: string, wait: number, duration: number }} Timing */

/**
 * @param {import('playwright-core').Page} page
 * @param {() => Promise<void>} act one input
 * @param {number} least inputs
 */
async function measure(page, act, least) {
  await page.evaluate(`timings.length = 0; longTasks.length = 0`);
  const end = performance.now() + seconds * 1000;
  let inputs = 0;
  for (; performance.now() < end || inputs < least; inputs++) {
    await act();
    await page.waitForTimeout(BETWEEN_MS);
  }
  await page.waitForTimeout(500);
  const timings = /** @type {Timing[]} */ (await page.evaluate('timings'));
  const tasks = /** @type {number[]} */ (await page.evaluate('longTasks'));
  return { inputs, timings, tasks };
}

/** @param {readonly number[]} values @param {number} total how many there were: the others were shorter than the threshold */
function quantiles(values, total) {
  const sorted = [...values].sort((a, b) => a - b);
  const missing = Math.max(0, total - sorted.length);
  /** @param {number} q */
  const at = (q) => {
    const place = Math.ceil(q * total) - 1 - missing;
    return place < 0 ? `< ${THRESHOLD_MS}` : sorted[Math.min(place, sorted.length - 1)].toFixed(0);
  };
  return [at(0.5), at(0.95), at(1)];
}

/** @param {string} name @param {{ inputs: number, timings: Timing[], tasks: number[] }} measured */
function report(name, { inputs, timings, tasks }) {
  // One input is several events (down, press, up): the slowest of each counts, and there are at most as many.
  const slow = timings.filter(({ name: event }) =>
    /^(keydown|pointerdown|pointerup|pointermove|click)$/.test(event),
  );
  const total = Math.max(inputs, slow.length);
  const [p50, p95, max] = quantiles(
    slow.map(({ duration }) => duration),
    total,
  );
  const waits = slow.map(({ wait }) => wait);
  const [, wait95, waitMax] = quantiles(waits, waits.length || 1);
  console.log(
    `| ${name} | ${inputs} | ${p50} | ${p95} | ${max} | ${waits.length ? `${wait95}, ${waitMax}` : '–'} | ${tasks.length ? `${tasks.length}, ${Math.max(...tasks)}` : 'none'} |`,
  );
}

try {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.addInitScript(`
    globalThis.timings = [];
    globalThis.longTasks = [];
    new PerformanceObserver((list) => {
      for (const { name, startTime, processingStart, duration } of list.getEntries())
        timings.push({ name, wait: processingStart - startTime, duration });
    }).observe({ type: 'event', durationThreshold: ${THRESHOLD_MS} });
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) longTasks.push(Math.round(duration));
    }).observe({ type: 'longtask' });
  `);
  await page.goto(server.resolvedUrls?.local[0] ?? '');
  await page.getByRole('button', { name: 'Tune a model now' }).and(page.locator(':enabled')).waitFor();

  console.log('| | inputs | p50 | p95 | max, ms | wait: p95, max | long tasks: count, longest ms |');
  console.log('|---|---|---|---|---|---|---|');
  const stage = page.getByRole('link', { name: /^Task/ }).first();
  await stage.click();
  const field = page.locator('main input[type=text], main textarea').first();
  const typed = async () => {
    await field.press('a');
  };
  await field.click();
  report('typing, nothing runs', await measure(page, typed, 20));

  await page.evaluate(`location.hash = '#/data'`);
  await page.getByRole('button', { name: /^A sea captain/ }).click();
  await page.getByRole('heading', { name: /as the model sees it/ }).waitFor({ timeout: RUN_MS });
  await page.evaluate(`location.hash = '#/train'`);
  await page.getByText('Every setting, explained').click();
  // Longer than all of this takes.
  await page.getByRole('spinbutton', { name: 'Steps', exact: true }).fill(`${STEPS}`);
  await page.getByRole('button', { name: 'Start training' }).click();
  const curve = page.getByRole('slider', { name: 'Step of the loss curve' });
  await curve.waitFor({ timeout: RUN_MS });
  await page.getByText(/^Show as a table/).waitFor();
  const box = await curve.boundingBox();
  if (!box) throw new Error('The curve has no place.');
  let turn = 0;
  await curve.focus();
  report(
    'keys on the curve, training',
    await measure(page, () => page.keyboard.press(turn++ % 7 === 0 ? 'End' : 'ArrowLeft'), 20),
  );
  report(
    'presses on the curve, training',
    await measure(
      page,
      () => page.mouse.click(box.x + ((turn += 37) % box.width), box.y + box.height / 2),
      20,
    ),
  );
  report(
    'a press that opens and closes, training',
    await measure(page, () => page.getByText(/^Show as a table/).click({ timeout: RUN_MS }), 20),
  );
  await stage.click();
  await field.click();
  report('typing on another stage, training', await measure(page, typed, 20));
  await page.evaluate(`location.hash = '#/train'`);
  await curve.focus();
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: 4 });
  report(
    'keys on the curve, training, page four times slower',
    await measure(page, () => page.keyboard.press(turn++ % 7 === 0 ? 'End' : 'ArrowLeft'), 20),
  );
  const title = await page.title();
  console.log(`\nAt the end: ${title}`);
  if (!title.includes(`/${STEPS}`)) throw new Error('The run was over before the last input.');
} finally {
  await browser.close();
  await server.close();
}
