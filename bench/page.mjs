// @ts-check
/**
 * How fast the page loads: `node bench/page.mjs`. Builds the page, serves it on this machine, opens it in fresh profiles of Chromium
 * with the processor throttled, and prints medians. The terms are those of https://web.dev/articles/vitals.
 */
import { cpus } from 'node:os';
import { gzipSync } from 'node:zlib';
import { chromium } from 'playwright-core';
import { build, preview } from 'vite';
import { findChromium, root } from '../scripts/machine.mjs';

const RUNS = 5;
const THROTTLES = [1, 4];
/** After the last request and the last long task, the page counts as quiet. */
const QUIET_MS = 1500;
/** The longest task that a person does not notice. */
const LONG_TASK_MS = 50;

const executablePath = findChromium();
if (!executablePath) {
  console.error('No Chromium: run node scripts/setup.mjs --tests');
  process.exit(1);
}

/** Runs in the page before its own scripts: keeps what the browser reports, and when the one button can be pressed. */
function watch() {
  /** @type {{ lcp: number, cls: number, long: number[], button: number, shifts: string[] }} */
  const seen = { lcp: 0, cls: 0, long: [], button: 0, shifts: [] };
  Object.assign(globalThis, { seen });
  /** @param {string} type @param {(entry: any) => void} take */
  const on = (type, take) =>
    new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true });
  on('largest-contentful-paint', ({ startTime }) => (seen.lcp = startTime));
  on('layout-shift', ({ value, hadRecentInput, sources }) => {
    if (hadRecentInput) return;
    seen.cls += value;
    for (const { node } of sources)
      seen.shifts.push(node?.parentElement?.outerHTML?.slice(0, 120) ?? String(node));
  });
  on('longtask', ({ duration }) => seen.long.push(duration));
  const look = () => {
    const button = document.querySelector('button.tune');
    if (button instanceof HTMLButtonElement && !button.disabled) seen.button = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

/** @param {number[]} values */
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

await build({ root, logLevel: 'error' });
const server = await preview({ root, logLevel: 'error', preview: { port: 0, strictPort: false } });
const address = server.resolvedUrls?.local[0] ?? '';
const browser = await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
});

/** @param {number} throttle @param {boolean} again with the service worker there already */
async function load(throttle, again) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  if (again) {
    await page.goto(address);
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    await page.waitForTimeout(QUIET_MS);
  }
  const devtools = await context.newCDPSession(page);
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: throttle });
  await page.addInitScript(watch);
  await page.goto(address);
  await page.waitForFunction(() => /** @type {any} */ (globalThis).seen.button > 0);
  await page.waitForTimeout(QUIET_MS);
  const result = await page.evaluate(() => {
    const { lcp, cls, long, button, shifts } = /** @type {any} */ (globalThis).seen;
    const fcp = performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0;
    const resources = /** @type {PerformanceResourceTiming[]} */ ([
      ...performance.getEntriesByType('navigation'),
      ...performance.getEntriesByType('resource'),
    ]);
    const bytes = resources.reduce(
      (sum, { transferSize, workerStart }) => sum + (workerStart ? 0 : transferSize),
      0,
    );
    return { fcp, lcp, cls, long, button, shifts, bytes };
  });
  await context.close();
  return {
    ...result,
    tbt: result.long.reduce(
      (/** @type {number} */ sum, /** @type {number} */ ms) => sum + ms - LONG_TASK_MS,
      0,
    ),
  };
}

try {
  /** @type {Map<string, string[]>} */
  const rows = new Map();
  /** @param {string} name @param {string} value */
  const put = (name, value) => rows.set(name, [...(rows.get(name) ?? []), value]);
  const heads = [];
  const shifts = new Set();
  for (const throttle of THROTTLES) {
    for (const again of [false, true]) {
      /** @type {Awaited<ReturnType<typeof load>>[]} */
      const loads = [];
      for (let run = 0; run < RUNS; run++) loads.push(await load(throttle, again));
      /** @param {'fcp' | 'lcp' | 'button' | 'tbt' | 'bytes' | 'cls'} key */
      const middle = (key) => median(loads.map((one) => one[key]));
      heads.push(`${again ? 'second' : 'first'} load, ${throttle}× slower`);
      put('first contentful paint', `${middle('fcp').toFixed(0)} ms`);
      put('largest contentful paint', `${middle('lcp').toFixed(0)} ms`);
      put('the button can be pressed', `${middle('button').toFixed(0)} ms`);
      put('total blocking time', `${middle('tbt').toFixed(0)} ms`);
      put('longest task', `${median(loads.map(({ long }) => Math.max(0, ...long))).toFixed(0)} ms`);
      put('cumulative layout shift', middle('cls').toFixed(3));
      put('transferred, as served', `${(middle('bytes') / 1024).toFixed(0)} KiB`);
      for (const one of loads) for (const shift of one.shifts) shifts.add(shift);
    }
  }
  console.log(
    `Chromium ${browser.version()}, ${cpus().length} cores of ${cpus()[0]?.model}; medians of ${RUNS}\n`,
  );
  console.log(`| | ${heads.join(' | ')} |\n|${'---|'.repeat(heads.length + 1)}`);
  for (const [name, values] of rows) console.log(`| ${name} | ${values.join(' | ')} |`);

  const html = await (await fetch(address)).text();
  let script = 0;
  for (const [, path] of html.matchAll(/<(?:script|link)[^>]+(?:src|href)="([^"]+\.js)"/g))
    script += gzipSync(Buffer.from(await (await fetch(new URL(path, address))).arrayBuffer())).length;
  console.log(`\nInitial JavaScript, gzipped: ${(script / 1000).toFixed(1)} kB`);
  if (shifts.size > 0) console.log(`\nWhat shifted:\n${[...shifts].join('\n')}`);
} finally {
  await browser.close();
  await server.close();
}
