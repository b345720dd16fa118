/** The first page: what it says, what it requests, and that it is accessible. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import {
  closeContexts,
  launchChromium,
  openChromium,
  openStudio,
  type StudioOptions,
  type WatchedPage,
} from './chromium.ts';
import { engineOf, startAndPause } from './gate.ts';
import { axe, PICTURES, WAIT } from './looks.ts';

let browser: Browser;
beforeAll(async () => {
  mkdirSync(PICTURES, { recursive: true });
  browser = await openChromium();
});
afterAll(() => closeContexts(browser));

/** Names of the built scripts of the page: those that its first one leads to, without those of the worker. */
function scriptsOfPage(): string[] {
  const dist = join(import.meta.dirname, '../../dist');
  const [, first] =
    /src="\.\/assets\/([^"]+\.js)"/.exec(readFileSync(join(dist, 'index.html'), 'utf8')) ?? [];
  const found = new Set([first]);
  for (const name of found) {
    const code = readFileSync(join(dist, 'assets', name), 'utf8').replace(/new URL\([^)]*\)/g, '');
    for (const [, other] of code.matchAll(/["'`](?:\.\/|assets\/)([\w.-]+\.js)["'`]/g)) found.add(other);
  }
  return [...found];
}

test('no script of the page has the source of a kernel', () => {
  const assets = join(import.meta.dirname, '../../dist/assets');
  const KERNEL = /@group\(0\)|@compute|fn updated\(|fn pairLoss\(|@unmanaged/;
  const has = (name: string): boolean => KERNEL.test(readFileSync(join(assets, name), 'utf8'));
  const page = scriptsOfPage();
  expect(page.length).toBeGreaterThan(5);
  expect(page.filter(has)).toEqual([]);
  // The worker has them.
  const others = readdirSync(assets).filter((name) => name.endsWith('.js') && !page.includes(name));
  expect(others.some(has)).toBe(true);
});

test('each script has an ending that all static hosts send as a script', () => {
  const assets = readdirSync(join(import.meta.dirname, '../../dist/assets'));
  expect(assets.filter((name) => /^ort-wasm.*\.js$/.test(name))).toHaveLength(1);
  expect(assets.filter((name) => name.endsWith('.mjs'))).toEqual([]);
});

/** Waits until the worker and the data have answered. */
async function settled(page: Page): Promise<void> {
  await page.locator('main [aria-busy]').first().waitFor();
  await page.waitForFunction(() => !document.querySelector('main [aria-busy="true"]'), undefined, WAIT);
}

test('the worker names its device; another can be chosen, and the choice is kept', async () => {
  const { page, problems, close } = await openStudio(browser);
  await settled(page);
  const section = page.getByRole('region', { name: 'This browser' });
  const status = (): Promise<string> => section.getByRole('status').innerText();
  const line = (): Promise<string> => page.getByRole('contentinfo').innerText();
  // A software GPU is no faster than the processor that emulates it.
  expect(await status()).toMatch(/^CPU with \d+ cores?.*a software GPU, Google SwiftShader/s);
  expect(await line()).toMatch(/CPU with/);

  const choice = section.getByRole('combobox', { name: 'Compute on' });
  await choice.selectOption('The GPU');
  await expect.poll(status, WAIT).toMatch(/SwiftShader.*A software GPU: correct, but slow/s);
  expect(await line()).toMatch(/SwiftShader/);
  const kernels = section.locator('details', { hasText: 'Kernels of this GPU' });
  await kernels.locator('summary').click();
  // Times of a GPU in software would say nothing about one.
  await expect.poll(() => kernels.innerText(), WAIT).toMatch(/There is nothing to choose from on this GPU/);
  expect(await kernels.getByRole('button').count()).toBe(0);
  await page.reload();
  await settled(page);
  expect(await status()).toMatch(/SwiftShader/);
  await choice.selectOption('The CPU');
  await expect.poll(status, WAIT).toMatch(/^CPU with/);
  expect(await axe(page)).toEqual([]);
  expect(problems).toEqual([]);
  await close();
});

test('every bundled data set is listed with rows of its own', async () => {
  const { page, problems, close } = await openStudio(browser);
  await settled(page);
  const index = (await (await fetch(new URL('samples/index.json', inject('address')))).json()) as {
    title: string;
    train: string;
  }[];
  expect(index.length).toBeGreaterThanOrEqual(3);
  for (const { title, train } of index) {
    const article = page.getByRole('article', { name: title });
    const rows = await (await fetch(new URL(`samples/${train}`, inject('address')))).text();
    const { messages } = JSON.parse(rows.split('\n')[0]) as { messages: { role: string; content: string }[] };
    const answer = messages.find(({ role }) => role === 'assistant');
    await expect.poll(() => article.getByRole('listitem').first().innerText()).toContain(answer?.content);
  }
  expect(problems).toEqual([]);
  await close();
});

/** Gzipped. What only a stage or a dialog needs is loaded later. */
const MAX_SCRIPT_BYTES = 67_000;

test('the first screen needs little script', async () => {
  const html = await (await fetch(inject('address'))).text();
  const paths = [...html.matchAll(/<(?:script|link)[^>]+(?:src|href)="([^"]+\.js)"/g)].map(
    ([, path]) => path,
  );
  expect(paths.length).toBeGreaterThan(1);
  let bytes = 0;
  for (const path of paths) {
    const script = await (await fetch(new URL(path, inject('address')))).arrayBuffer();
    bytes += gzipSync(Buffer.from(script)).length;
  }
  expect(bytes).toBeLessThan(MAX_SCRIPT_BYTES);
});

test('nothing imports the entry of the worker', () => {
  // WebKit runs an entry that is imported once more: a second worker in the first, which answers everything twice.
  const folder = 'dist/assets';
  const scripts = readdirSync(folder).filter((name) => name.endsWith('.js'));
  const entries = scripts.filter((name) => /^(?:main|cpu-thread)-/.test(name));
  expect(entries).toHaveLength(2);
  for (const script of scripts) {
    const text = readFileSync(`${folder}/${script}`, 'utf8');
    for (const entry of entries)
      expect(text.includes(`./${entry}`), `${script} imports ${entry}`).toBe(false);
  }
});

test('the commands have a button on a phone, on every screen', async () => {
  const { page, problems, close } = await openStudio(browser, { viewport: { width: 360, height: 780 } });
  await settled(page);
  const button = page.getByRole('banner').getByRole('button', { name: 'Commands' });
  await button.click();
  await page.getByRole('option', { name: 'Go to Data' }).click();
  await page.getByRole('heading', { level: 1, name: 'Data' }).waitFor();
  await button.click();
  await page.getByRole('combobox', { name: 'Command' }).waitFor();
  expect(await axe(page)).toEqual([]);
  await page.keyboard.press('Escape');
  await expect.poll(() => button.evaluate((element) => element === document.activeElement)).toBe(true);
  expect(problems).toEqual([]);
  await close();
});

test('each stage has its name under its glyph on a phone, and no two names touch', async () => {
  for (const width of [320, 360, 414]) {
    const { page, problems, close } = await openStudio(browser, { viewport: { width, height: 780 } });
    await settled(page);
    const names = page.getByRole('navigation', { name: 'The stages of this project' }).locator('b');
    const boxes = await names.evaluateAll((all) =>
      all.map((name) => {
        const range = document.createRange();
        range.selectNodeContents(name);
        const { left, right, height } = range.getBoundingClientRect();
        return { name: name.textContent, left, right, height };
      }),
    );
    expect(boxes.map(({ name }) => name)).toEqual(['Task', 'Data', 'Baseline', 'Train', 'Evaluate', 'Use']);
    boxes.forEach(({ name, left, height }, at) => {
      expect(height, `${name} at ${width}`).toBeGreaterThan(10);
      expect(left - (boxes[at - 1]?.right ?? 0), `before ${name} at ${width}`).toBeGreaterThan(1);
    });
    expect(await axe(page)).toEqual([]);
    expect(problems).toEqual([]);
    await close();
  }
});

test('an address that nothing has is named over the first screen, until another is opened', async () => {
  const { page, problems, close } = await openStudio(browser, {}, `${inject('address')}#/nonsense`);
  await settled(page);
  const note = page.getByRole('alert').getByText('This page has nothing at the address #/nonsense.');
  await note.waitFor();
  await page.getByRole('button', { name: 'Tune a model now' }).waitFor();
  await page.getByRole('navigation').getByRole('link', { name: 'Data' }).click();
  await page.getByRole('heading', { level: 1, name: 'Data' }).waitFor();
  await expect.poll(() => note.count()).toBe(0);
  await page.evaluate(() => (location.hash = '#/guide/nonsense'));
  await page
    .getByRole('alert')
    .getByText('The guide has no entry at the address #/guide/nonsense.')
    .waitFor();
  expect(problems).toEqual([]);
  await close();
});

test('the page requests nothing but its own origin, and the policy blocks all others', async () => {
  const { page, requests, close } = await openStudio(browser, { serviceWorker: true });
  await settled(page);
  const { origin } = new URL(inject('address'));
  expect(requests.filter((url) => new URL(url).origin !== origin)).toEqual([]);
  // A second server on this machine is another origin: were it not for the policy, the request would leave.
  const elsewhere = `http://127.0.0.1:9/`;
  const reached = await page.evaluate(
    (url) =>
      new Promise((done) => {
        document.addEventListener('securitypolicyviolation', (event) => done(event.effectiveDirective), {
          once: true,
        });
        fetch(url).catch(() => setTimeout(() => done('not stopped by the policy'), 1000));
      }),
    elsewhere,
  );
  expect(reached).toBe('connect-src');
  expect(await page.locator('script:not([src]), style, [style]').count()).toBe(0);
  await close();
});

test('the worker obeys the policy too', async () => {
  const { page, close } = await openStudio(browser);
  await settled(page);
  const stopped = await engineOf(page).evaluate(
    () =>
      new Promise((done) => {
        addEventListener(
          'securitypolicyviolation',
          (event) => done((event as SecurityPolicyViolationEvent).effectiveDirective),
          { once: true },
        );
        fetch('http://127.0.0.1:9/').catch(() => setTimeout(() => done('not stopped by the policy'), 1000));
      }),
  );
  expect(stopped).toBe('connect-src');
  await close();
});

test('the page says that bundled data sets are missing, and works on', async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.route('**/samples/index.json', (route) => route.fulfill({ status: 404, body: '' }));
  await page.goto(inject('address'));
  await settled(page);
  await expect
    .poll(() => page.getByRole('region', { name: 'What a model can learn here' }).innerText())
    .toMatch(/not here/);
  await expect.poll(() => page.getByRole('region', { name: 'This browser' }).innerText()).toMatch(/CPU with/);
  await expect.poll(() => page.getByRole('button', { name: 'Tune a model now' }).isDisabled()).toBe(true);
  await context.close();
});

test('the page says that WebGPU is missing, and trains on the processor', async () => {
  const plain = await launchChromium({ webgpu: false });
  try {
    const { page, problems, close } = await openStudio(plain);
    await settled(page);
    const section = page.getByRole('region', { name: 'This browser' });
    expect(await section.innerText()).toMatch(/does not offer WebGPU|No WebGPU adapter answered/);
    // Choosing a missing GPU shows an error and keeps the processor.
    await section.getByRole('combobox', { name: 'Compute on' }).selectOption('The GPU');
    await section
      .getByRole('alert')
      .getByText(/WebGPU/)
      .first()
      .waitFor(WAIT);
    await expect.poll(() => section.getByRole('status').innerText(), WAIT).toMatch(/^CPU with/);
    await section.getByRole('alert').getByRole('button', { name: 'Put away' }).click();

    await startAndPause(page, () => page.getByRole('button', { name: 'Tune a model now' }).click());
    await page.getByRole('button', { name: 'Stop and keep' }).click();
    await page.getByText(/^Stopped at step [1-9]/).waitFor(WAIT);
    expect(problems).toEqual([]);
    await close();
  } finally {
    await plain.close();
  }
});

test('the keyboard reaches everything that can be pressed, and a command can be copied', async () => {
  const { page, problems, close } = await openStudio(browser, {
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  await settled(page);
  const reached: string[] = [];
  for (let press = 0; press < 30; press++) {
    await page.keyboard.press('Tab');
    const name = await page.evaluate(
      () => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent?.trim(),
    );
    reached.push(name ?? '');
    if (name?.startsWith('Copy the command npm')) break;
  }
  expect(reached[0]).toBe('Skip to the content');
  for (const name of [
    'Task',
    'Train',
    'Use',
    'Tune a model now',
    'Open a data set',
    'Tune on this: Orders to JSON',
  ])
    expect(reached.some((text) => text.startsWith(name))).toBe(true);
  await page.keyboard.press('Enter');
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe('npm ci && npm run demo');
  expect(problems).toEqual([]);
  await close();
});

test('every command is found by a few letters of its name, and the chosen theme is set before anything is drawn', async () => {
  const { page, problems, close } = await openStudio(browser, {
    colorScheme: 'light',
    reducedMotion: 'reduce',
  });
  await settled(page);
  const field = page.getByRole('combobox', { name: 'Command' });
  const options = page.getByRole('listbox', { name: 'Commands' }).getByRole('option');
  await page.keyboard.press('Control+k');
  await expect.poll(() => field.evaluate((element) => element === document.activeElement)).toBe(true);
  expect(await options.allInnerTexts()).toEqual(
    expect.arrayContaining(['Go to Train', 'Go to Storage', 'Theme: dark', 'Tune on this: Orders to JSON']),
  );
  await page.keyboard.press('ArrowUp');
  expect(await options.last().getAttribute('aria-selected')).toBe('true');
  expect(await field.getAttribute('aria-activedescendant')).toBe(await options.last().getAttribute('id'));
  await page.screenshot({ path: join(PICTURES, 'palette-light.png') });
  expect(await axe(page)).toEqual([]);
  await page.keyboard.type('nothing like it');
  await expect.poll(() => page.getByRole('dialog').innerText()).toMatch(/Nothing here is called/);
  await page.keyboard.press('Escape');
  await expect.poll(() => page.getByRole('dialog').count()).toBe(0);

  await page.keyboard.press('Control+k');
  await field.fill('trn');
  await page.keyboard.press('Enter');
  await expect.poll(() => new URL(page.url()).hash).toBe('#/train');
  await page.getByRole('heading', { level: 1, name: 'Train' }).waitFor();

  const ground = (): Promise<string> =>
    page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await ground();
  await expect.poll(() => page.getByRole('dialog').count()).toBe(0);
  await page.keyboard.press('Control+k');
  await field.fill('dark');
  await page.keyboard.press('Enter');
  await expect.poll(ground).not.toBe(light);
  const dark = await ground();
  expect(await page.getByLabel('Theme').first().inputValue()).toBe('dark');
  // Whatever the page's own script does, it comes later.
  await page.route('**/assets/index-*.js', () => undefined);
  await page.reload({ waitUntil: 'commit' });
  await expect.poll(ground).toBe(dark);
  await page.unroute('**/assets/index-*.js');
  await page.reload();
  await page.getByLabel('Theme').first().selectOption('System');
  await expect.poll(ground).toBe(light);
  expect(problems.filter((problem) => !/ERR_ABORTED/.test(problem))).toEqual([]);
  await close();
});

/** The first page once for several tests: only its size, its theme and its mode differ. */
function shareStudio(options: StudioOptions = {}): {
  readonly page: Page;
  readonly problems: readonly string[];
} {
  let opened: WatchedPage;
  beforeAll(async () => {
    opened = await openStudio(browser, options);
    await settled(opened.page);
    await opened.page.evaluate(() => document.fonts.ready);
  });
  afterAll(() => opened.close());
  return {
    get page() {
      return opened.page;
    },
    get problems() {
      return opened.problems;
    },
  };
}

describe.each(['light', 'dark'] as const)('%s', (colorScheme) => {
  const studio = shareStudio({ colorScheme, reducedMotion: 'reduce' });
  test.each([
    [360, 780],
    [820, 1000],
    [1280, 900],
    [1920, 1080],
  ])('%i px wide: axe finds nothing, nothing overflows', async (width, height) => {
    const { page, problems } = studio;
    await page.setViewportSize({ width, height });
    // The curve follows the size of the window a frame later.
    await expect
      .poll(() => page.evaluate(() => document.documentElement.scrollWidth))
      .toBeLessThanOrEqual(width);
    await page.screenshot({ path: join(PICTURES, `start-${colorScheme}-${width}.png`), fullPage: true });
    expect(await axe(page)).toEqual([]);
    expect(problems).toEqual([]);
  });
});

/** What the hero's words touch: pairs of a word's element and a label of the curve, or the curve itself. */
function collisions(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found: string[] = [];
    const words = [...document.querySelectorAll('.say :is(#say, .lead, .tune, .way a, .way .soft)')];
    const labels = [...document.querySelectorAll('.hero svg[role="img"] text')];
    const curve = document.querySelector<SVGPathElement>('.hero svg[role="img"] .ghost');
    if (words.length < 5 || labels.length < 5 || !curve) return ['The hero is not there.'];
    const { left, top } = (curve.ownerSVGElement as SVGSVGElement).getBoundingClientRect();
    const points = Array.from({ length: 400 }, (_, at) =>
      curve.getPointAtLength((at / 399) * curve.getTotalLength()),
    );
    for (const word of words) {
      // Lines, since a paragraph's box is wider than its words.
      const range = document.createRange();
      range.selectNodeContents(word);
      for (const line of word.matches('.tune') ? [word.getBoundingClientRect()] : range.getClientRects()) {
        const meets = (box: { left: number; right: number; top: number; bottom: number }): boolean =>
          box.left < line.right && box.right > line.left && box.top < line.bottom && box.bottom > line.top;
        for (const label of labels)
          if (meets(label.getBoundingClientRect())) found.push(`${word.textContent} / ${label.textContent}`);
        if (
          points.some(({ x, y }) => meets({ left: left + x, right: left + x, top: top + y, bottom: top + y }))
        )
          found.push(`${word.textContent} / the curve`);
      }
    }
    return found;
  });
}

describe('at any size', () => {
  const studio = shareStudio();

  async function show(width: number, projector: boolean): Promise<Page> {
    const { page } = studio;
    await page.setViewportSize({ width, height: 800 });
    const mode = page.locator('html[data-projector]');
    if (((await mode.count()) === 1) !== projector) await page.keyboard.press('p');
    await expect.poll(() => mode.count()).toBe(projector ? 1 : 0);
    return page;
  }

  test.each([
    [360, false],
    [820, false],
    [900, false],
    [1024, false],
    [1079, false],
    [1081, false],
    [1280, false],
    [1440, false],
    [1100, true],
    [1280, true],
    [1440, true],
  ])('%i px wide, projector %s: nothing of the curve lies under the words', async (width, projector) => {
    const page = await show(width, projector);
    await expect.poll(() => collisions(page)).toEqual([]);
  });

  test.each([360, 820, 900, 1024, 1280, 1440])('%i px wide: the status line cuts nothing', async (width) => {
    for (const projector of width < 820 ? [false] : [false, true]) {
      const page = await show(width, projector);
      await expect.poll(() => page.locator('.doing').innerText()).toBe('Nothing open yet');
      await expect
        .poll(() =>
          page
            .getByRole('contentinfo')
            .evaluate((line) =>
              [line, ...line.querySelectorAll('p')]
                .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
                .map(({ className, textContent }) => `${className}: ${textContent}`),
            ),
        )
        .toEqual([]);
    }
  });
});
