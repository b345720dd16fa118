/**
 * The installed app: stored at the first load, used without a network, updated on request. The site is a small server that sees every
 * request that leaves the browser.
 */
import { readFileSync } from 'node:fs';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROW_ENDINGS } from '../../src/data/row-endings.ts';
import { closeContexts, openChromium } from './chromium.ts';
import { allowSteps, engineOf, startAndPause } from './gate.ts';
import { tabTo } from './keyboard.ts';
import { downloadOf, factOf, goTo, WAIT } from './looks.ts';
import { serveDist, type Site } from './site.ts';

const STEP_MS = 60_000;
const RUN_MS = 180_000;
/** The browser looks for a new version whenever a page opens; no page can see or forbid it. */
const BROWSERS_OWN = '/service-worker.js';

let browser: Browser;
beforeAll(async () => {
  browser = await openChromium();
});
afterAll(() => closeContexts(browser));

interface Visit {
  readonly site: Site;
  readonly context: BrowserContext;
  readonly page: Page;
  /** Uncaught errors, and errors on the console. */
  readonly problems: readonly string[];
  /** Every address that the page and its workers asked for. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

/** A profile that nobody has used, after its first load. */
async function firstVisit(options?: { plain: boolean }): Promise<Visit> {
  const site = await serveDist([], options);
  const context = await browser.newContext({ reducedMotion: 'reduce' });
  const page = await context.newPage();
  const problems: string[] = [];
  const asked: string[] = [];
  page.on('pageerror', (error) => problems.push(`uncaught: ${error.message}`));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(message.text());
  });
  context.on('request', (request) => asked.push(request.url()));
  await page.goto(site.address);
  await ready(page);
  const close = async (): Promise<void> => {
    await context.close();
    await site.close();
  };
  return { site, context, page, problems, asked, close };
}

/** Waits until the service worker keeps the app and answers for this page. */
async function ready(page: Page): Promise<void> {
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null, undefined, {
    timeout: STEP_MS,
  });
  await page.locator('main h1').first().waitFor();
  await expect.poll(() => page.locator('main [aria-busy="true"]').count(), { timeout: STEP_MS }).toBe(0);
}

const counter = (page: Page): Promise<string> =>
  page.getByRole('button', { name: /^Requests since load/ }).innerText();

const ROWS = Array.from({ length: 24 }, (_, i) =>
  JSON.stringify({ prompt: `What grows in bed ${i}?`, completion: ` Beans, ${i} of them.` }),
).join('\n');

describe('the app without a network', () => {
  test('the whole session works by keyboard, and no request leaves the page', async () => {
    const { site, context, page, problems, asked, close } = await firstVisit();

    // What the page counted is what the server saw, late parts too.
    await tabTo(page, /^Requests since load/);
    await page.keyboard.press('Enter');
    const panel = page.getByRole('dialog', { name: 'Requests since load' });
    await panel.getByText('The whole app is kept on this device').waitFor();
    const rows = page.getByRole('row').filter({ hasText: 'its own server' });
    const shown = async (): Promise<string[]> => {
      const names = await rows.evaluateAll((list) =>
        list.map((row) => row.querySelector('td')?.firstChild?.textContent?.trim() ?? ''),
      );
      return names.map((name) => (name === 'the page' ? '/' : `/${name}`)).sort();
    };
    const difference = async (): Promise<object> => {
      const [told, seen] = [await shown(), site.requests.filter((path) => path !== BROWSERS_OWN)];
      return {
        onlyTold: told.filter((path) => !seen.includes(path)),
        onlySeen: seen.filter((path) => !told.includes(path)),
        more: told.length - seen.length,
      };
    };
    await expect.poll(difference).toEqual({ onlyTold: [], onlySeen: [], more: 0 });
    await page.keyboard.press('Escape');
    await panel.waitFor({ state: 'detached' });

    // The first load was the last one that needed the server: parts that come late, and the model, are here.
    site.requests.length = 0;
    await goTo(page, 'benchmark');
    await page.getByRole('button', { name: 'Measure this CPU' }).waitFor();
    await goTo(page, 'data');
    await page.getByRole('button', { name: /^A sea captain/ }).click();
    await expect.poll(() => factOf(page, 'Data'), { timeout: STEP_MS }).toMatch(/^Data\s+360 rows/);
    expect(site.requests).toEqual([]);
    await page.reload();
    await ready(page);
    expect(site.requests.filter((path) => path !== BROWSERS_OWN)).toEqual([]);

    await context.setOffline(true);
    await site.close();
    await page.goto(site.address);
    await ready(page);
    await expect.poll(() => counter(page)).toMatch(/: 0 to others, 0 to its own server/);

    // Import, once the rows that were open are open again; their number is known before, and while they are read no file is taken.
    await goTo(page, 'data');
    await expect.poll(() => factOf(page, 'Data')).toMatch(/^Data\s+360 rows/);
    await page.getByRole('link', { name: 'Train on these rows' }).waitFor(WAIT);
    await expect.poll(() => page.getByLabel('Open a file').isEnabled(), WAIT).toBe(true);
    await page.locator('h1').focus();
    const [chooser] = await Promise.all([
      // Asked for early: it takes a moment until the browser is told to leave the file to the test.
      page.waitForEvent('filechooser'),
      tabTo(page, /^Open a file/).then(() => page.keyboard.press('Enter')),
    ]);
    await chooser.setFiles({ name: 'beds.jsonl', mimeType: '', buffer: Buffer.from(ROWS) });
    await expect.poll(() => factOf(page, 'Data'), { timeout: STEP_MS }).toMatch(/^Data\s+24 rows/);

    // Train.
    await page.locator('h1').focus();
    await tabTo(page, /^Train on these rows/);
    await page.keyboard.press('Enter');
    await tabTo(page, /^Every setting, explained/);
    await page.keyboard.press('Enter');
    await tabTo(page, /^Steps$/);
    await page.keyboard.press('ControlOrMeta+A');
    await page.keyboard.type('4');
    await tabTo(page, /^Warm-up, steps/);
    await page.keyboard.press('ControlOrMeta+A');
    await page.keyboard.type('0');
    await tabTo(page, /^Start training/);
    await page.keyboard.press('Enter');
    const both = page.getByRole('button', { name: 'Ask both the same question' });
    await both.waitFor({ timeout: RUN_MS });

    // Chat.
    await page.locator('h1').focus();
    await tabTo(page, /^Ask both the same question/);
    await page.keyboard.press('Enter');
    await tabTo(page, /^Prompt for both/);
    await page.keyboard.press('ControlOrMeta+A');
    await page.keyboard.type('What grows in bed 3?');
    await page.keyboard.press('Enter');
    const answers = page.getByRole('button', { name: 'Show the probabilities' });
    await expect.poll(() => answers.count(), { timeout: STEP_MS }).toBe(2);

    // Export.
    await tabTo(page, /^Download zip of /);
    const download = await downloadOf(page, () => page.keyboard.press('Enter'));
    expect(
      readFileSync(await download.path())
        .subarray(0, 2)
        .toString(),
    ).toBe('PK');

    await expect.poll(() => counter(page)).toMatch(/: 0 to others, 0 to its own server/);
    const origin = new URL(site.address).origin;
    expect(asked.filter((url) => !url.startsWith('blob:') && new URL(url).origin !== origin)).toEqual([]);
    expect(problems).toEqual([]);
    await close();
  });

  test('the browser offers to install the app', async () => {
    const { context, page, close } = await firstVisit();
    const devtools = await context.newCDPSession(page);
    const { installabilityErrors } = await devtools.send('Page.getInstallabilityErrors');
    // A profile of a test is a private window.
    expect(installabilityErrors.filter(({ errorId }) => errorId !== 'in-incognito')).toEqual([]);
    const { errors, data } = await devtools.send('Page.getAppManifest');
    expect(errors).toEqual([]);
    // Whatever the page opens, the system opens with it.
    const { file_handlers: handlers } = JSON.parse(data!) as {
      file_handlers: readonly { readonly accept: Readonly<Record<string, readonly string[]>> }[];
    };
    const endings = handlers.flatMap(({ accept }) => Object.values(accept).flat());
    expect(endings).toEqual(expect.arrayContaining([...ROW_ENDINGS, '.zip', '.safetensors', '.gguf']));
    await close();
  });
});

describe('threads that share memory', () => {
  const isolated = (page: Page): Promise<boolean[]> =>
    Promise.all([
      page.evaluate(() => crossOriginIsolated),
      engineOf(page).evaluate(() => crossOriginIsolated),
    ]);

  test('are possible at once where the host sends the headers', async () => {
    const { page, problems, close } = await firstVisit();
    expect(await isolated(page)).toEqual([true, true]);
    expect(problems).toEqual([]);
    await close();
  });

  test('are possible from the second load on where the host sends no headers; until then one thread trains', async () => {
    const { page, problems, close } = await firstVisit({ plain: true });
    const facts = (): Promise<string> => page.getByRole('region', { name: 'This browser' }).innerText();
    expect(await isolated(page)).toEqual([false, false]);
    await expect.poll(facts, { timeout: STEP_MS }).toMatch(/Threads\s+1, because this page is not isolated/);
    await startAndPause(page, () => page.getByRole('button', { name: 'Tune a model now' }).click());
    await page.getByRole('button', { name: 'Stop and keep' }).click();
    await page.getByText(/^Stopped at step [1-9]/).waitFor({ timeout: STEP_MS });

    await goTo(page, 'start');
    await page.reload();
    await ready(page);
    expect(await isolated(page)).toEqual([true, true]);
    await expect.poll(facts, { timeout: STEP_MS }).toMatch(/Threads\s+\d+, which share the work/);
    expect(problems).toEqual([]);
    await close();
  });
});

/** Serves a new version: another page, and a service worker that lists it as such. */
async function release(site: Site): Promise<void> {
  await site.change('/index.html', (text) =>
    text.replace('<meta charset', '<meta name="release" content="next"><meta charset'),
  );
  await site.change('/service-worker.js', (text) =>
    text.replace(/("revision":")[0-9a-f]+(","url":"index\.html")/, '$1next$2'),
  );
}

const isNext = (page: Page): Promise<boolean> =>
  page.evaluate(() => document.querySelector('meta[name="release"]') !== null);

describe('a new version', () => {
  test('waits for a run, is offered after it, and is loaded on request', async () => {
    const { site, context, page, problems, close } = await firstVisit();
    const second = await context.newPage();
    await second.goto(site.address);
    await ready(second);
    // An answer that a tab has not read holds no version back.
    await second.evaluate(async () => {
      Object.assign(window, { unread: await fetch('models/sprig/model.safetensors') });
    });
    await page.bringToFront();
    const offer = page.getByRole('button', { name: 'Load it now' });

    // The run waits meanwhile, so that it is not over before.
    await allowSteps(engineOf(page), 2);
    await page.getByRole('button', { name: 'Tune a model now' }).click();
    await page.getByRole('slider', { name: 'Step of the loss curve' }).waitFor({ timeout: RUN_MS });
    await release(site);
    await page.evaluate(async () => {
      const registration = await navigator.serviceWorker.ready;
      await registration.update();
    });
    const waiting = (): Promise<boolean> =>
      page.evaluate(async () => (await navigator.serviceWorker.ready).waiting !== null);
    await expect.poll(waiting, { timeout: STEP_MS }).toBe(true);
    // The tab beside it is idle and hears of it, but one tab's update would be everybody's.
    await second.getByRole('button', { name: 'Load it now' }).click({ timeout: STEP_MS });
    await second.getByText('Another tab is training.').waitFor({ timeout: STEP_MS });
    await expect.poll(() => offer.count()).toBe(0);
    expect(await page.evaluate(async () => (await navigator.serviceWorker.ready).waiting !== null)).toBe(
      true,
    );

    await page.getByRole('button', { name: 'Pause' }).click();
    await allowSteps(engineOf(page), Infinity);
    await page.getByText(/^Paused at step/).waitFor({ timeout: RUN_MS });
    await offer.waitFor({ timeout: STEP_MS });
    // A reload alone does not take it while other tabs are open.
    await page.reload();
    await page.getByText(/^Paused at step/).waitFor({ timeout: STEP_MS });
    expect(await isNext(page)).toBe(false);
    await offer.waitFor({ timeout: STEP_MS });
    await page.locator('h1').focus();
    await tabTo(page, /^Load it now/);
    await page.keyboard.press('Enter');
    await expect.poll(() => isNext(page).catch(() => false), { timeout: STEP_MS }).toBe(true);
    await page.getByText(/^Paused at step/).waitFor({ timeout: STEP_MS });
    await expect.poll(() => offer.count()).toBe(0);

    // The other tab is the old version still, is told, and has its parts.
    await second.getByText('Another tab uses a new version').waitFor({ timeout: STEP_MS });
    expect(await isNext(second)).toBe(false);
    await goTo(second, 'benchmark');
    await second.getByRole('button', { name: 'Measure this CPU' }).waitFor({ timeout: STEP_MS });
    expect(problems).toEqual([]);
    await close();
  });
});

interface LaunchedFile {
  readonly name: string;
  readonly text: string;
}

describe('files that the system opens with the app', () => {
  test('open on the stage that they belong to', async () => {
    const site = await serveDist();
    const context = await browser.newContext();
    // The system's part, which no test can play: it hands over handles.
    await context.addInitScript(() => {
      Object.defineProperty(window, 'launchQueue', {
        value: { setConsumer: (consumer: unknown) => Object.assign(window, { consumer }) },
      });
    });
    const page = await context.newPage();
    await page.goto(site.address);
    await ready(page);
    const launch = (...files: LaunchedFile[]): Promise<void> =>
      page.evaluate((list) => {
        const { consumer } = window as unknown as { consumer(launch: { files: unknown[] }): void };
        consumer({
          files: list.map(({ name, text }) => ({ getFile: () => Promise.resolve(new File([text], name)) })),
        });
      }, files);

    await launch({ name: 'beds.jsonl', text: ROWS });
    await page.getByRole('heading', { level: 1, name: 'Data' }).waitFor();
    await expect.poll(() => factOf(page, 'Data'), { timeout: STEP_MS }).toMatch(/^Data\s+24 rows/);

    await launch({
      name: 'adapter_model.safetensors',
      text: '{"base_model.model.layers.0.q_proj.lora_A.weight":{}}',
    });
    const library = page.getByRole('region', { name: 'Adapters', exact: true });
    await library.getByRole('alert').waitFor({ timeout: STEP_MS });
    await expect.poll(() => library.getByRole('alert').innerText()).toMatch(/adapter_config/);

    await launch({ name: 'model.safetensors', text: '{"model.embed_tokens.weight":{}}' });
    const model = page.getByRole('region', { name: 'Model' });
    await model.getByRole('alert').waitFor({ timeout: STEP_MS });
    await expect.poll(() => model.getByRole('alert').innerText()).toMatch(/tokenizer|config/);

    await context.close();
    await site.close();
  });
});
