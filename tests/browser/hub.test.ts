/**
 * Models from the hub, in the production build: found, fetched, paused, gone on with, and used without a network. The hub is a server of
 * ours that speaks its protocol, at two other origins, which the site's policy allows as it allows the hub's.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { HubServer, TOKEN, type HubRepo } from '../hub-server.ts';
import { launchChromium, openStudio, type WatchedPage } from './chromium.ts';
import { tabTo } from './keyboard.ts';
import { goTo, inspect, PICTURES, WAIT } from './looks.ts';
import { serveDist, type Site } from './site.ts';

const SPRIG = join(import.meta.dirname, '../../public/models/sprig');
const FILES: Record<string, Uint8Array> = Object.fromEntries(
  readdirSync(SPRIG).map((name) => [name, new Uint8Array(readFileSync(join(SPRIG, name)))]),
);
const WEIGHTS = FILES['model.safetensors'];
const ofWeights = new RegExp(`^/lfs/${createHash('sha256').update(WEIGHTS).digest('hex')}`);
const sprig: HubRepo = { files: FILES, licence: 'apache-2.0' };
/** What no test fetches. */
const quantised: HubRepo = {
  licence: 'mit',
  files: { 'seed-Q8_0.gguf': new Uint8Array(60_000), 'seed-Q4_0.gguf': new Uint8Array(32_000) },
};

let hub: HubServer;
let site: Site;
let browser: Browser;
let studio: WatchedPage;
beforeAll(async () => {
  mkdirSync(PICTURES, { recursive: true });
  hub = await HubServer.start({
    'tiny/sprig': sprig,
    'tiny/gated': { ...sprig, gated: true },
    'tiny/seed': quantised,
    'HuggingFaceTB/SmolLM2-135M-Instruct': sprig,
  });
  site = await serveDist([hub.address, hub.filesAddress]);
  browser = await launchChromium();
});
afterAll(async () => {
  await browser.close();
  await site.close();
  await hub.close();
});

/** A profile of its own at the Task stage, with our hub. */
async function visit(): Promise<WatchedPage> {
  const opened = await openStudio(
    browser,
    { viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' },
    site.address,
  );
  const { page } = opened;
  await goTo(page, 'task');
  await page.getByText('Access token, another hub').click();
  await region(page).getByLabel('Address of the hub').fill(hub.address);
  await region(page).getByRole('button', { name: 'Use this hub' }).click();
  await page.getByText(/^Models are looked for at/).waitFor({ state: 'attached' });
  return opened;
}

const region = (page: Page): Locator => page.getByRole('region', { name: 'From the Hugging Face hub' });
const kept = (page: Page): Locator =>
  page.getByRole('region', { name: 'Model', exact: true }).getByRole('listitem');
const counter = (page: Page): Promise<string> =>
  page.getByRole('button', { name: /^Requests since load/ }).innerText();
const row = (page: Page, name: string): Locator =>
  page.getByRole('region', { name: 'Downloads' }).getByRole('listitem').filter({ hasText: name });

async function find(page: Page, asked: string): Promise<void> {
  await region(page).getByLabel('Model', { exact: true }).fill(asked);
  await region(page).getByRole('button', { name: 'Find', exact: true }).click();
}
async function download(page: Page, asked: string): Promise<void> {
  await find(page, asked);
  await region(page)
    .getByRole('button', { name: /^Download/ })
    .click(WAIT);
}
const slow = (): void => hub.fail(/^\/lfs/, { slow: { chunk: 3000, ms: 60 } }, 9);
/** Ranges that were asked for at the second server, the first time aside. */
const ranges = (): (string | undefined)[] =>
  hub.requests.filter(({ server }) => server === 'files').map(({ range }) => range);
/** Folders of models in the browser's private file system, whole or not. */
const folders = (page: Page): Promise<number> =>
  page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const models = await root.getDirectoryHandle('models', { create: true });
    let count = 0;
    for await (const _ of models.keys()) count++;
    return count;
  });
/** Refusals of our hub are in the console, as the browser's own words. */
const others = ({ problems }: WatchedPage): string[] =>
  problems.filter(
    (problem) => !problem.includes('Failed to load resource') && !problem.includes('localhost'),
  );

beforeEach(() => hub.reset());

describe('a model of the hub', () => {
  beforeAll(async () => {
    studio = await visit();
  });
  afterAll(() => studio.close());

  test('is asked for only when somebody presses', async () => {
    const { page, requests } = studio;
    await expect.poll(() => counter(page)).toMatch(/: 0 to others/);
    expect(hub.requests).toEqual([]);
    expect(requests.every((url) => url.startsWith(site.address) || url.startsWith('blob:'))).toBe(true);
  });

  test('shows what it would bring, by keyboard', async () => {
    const { page } = studio;
    await page.locator('h1').focus();
    await tabTo(page, /^Model$/);
    await page.keyboard.type('tiny/sprig');
    await page.keyboard.press('Enter');
    const plan = page.getByRole('region', { name: 'tiny/sprig' });
    await plan.waitFor(WAIT);
    await expect
      .poll(() => plan.innerText())
      .toMatch(/safetensors, as published\s+[\d.]+ MiB, licence apache-2\.0/);
    await expect.poll(() => plan.innerText()).toMatch(/There is room for/);
    await tabTo(page, /^\d files$/);
    await page.keyboard.press('Enter');
    await expect
      .poll(() => plan.getByRole('row').filter({ hasText: 'model.safetensors' }).innerText())
      .toMatch(/MiB\s+checksum/);
    // Nothing but the listing was asked for.
    expect(hub.requests.map(({ path }) => path)).toEqual([expect.stringMatching(/^\/api\/models/)]);
    await expect.poll(() => counter(page)).toMatch(/: 1 to others/);
  });

  test('comes with progress, pauses, goes on after a reload, and is kept', async () => {
    const { page, problems } = studio;
    slow();
    await tabTo(page, /^Download/);
    await page.keyboard.press('Enter');
    const coming = row(page, 'tiny/sprig');
    await expect
      .poll(() => coming.innerText(), WAIT)
      .toMatch(/[\d.]+ MiB of [\d.]+ MiB, [\d.]+ KiB\/s, \d+ (s|min).* left/);
    expect(await coming.getByRole('progressbar').getAttribute('value')).toMatch(/^\d{5,}$/);
    await expect
      .poll(() => page.getByRole('contentinfo').innerText())
      .toMatch(/Downloading tiny\/sprig, \d+%/);
    expect(await inspect(page, 'hub-coming')).toEqual([]);
    await coming.getByRole('button', { name: 'Pause the download' }).click();
    await expect.poll(() => coming.innerText(), WAIT).toMatch(/stopped at/);
    await coming.getByRole('button', { name: 'Resume the download' }).click();
    await coming.getByRole('button', { name: 'Pause the download' }).waitFor(WAIT);
    await expect.poll(ranges, WAIT).toContainEqual(expect.stringMatching(/^bytes=[1-9]\d{4,}-$/));

    // The tab goes in the middle of it.
    await page.reload();
    hub.reset();
    await row(page, 'tiny/sprig').getByRole('button', { name: 'Resume the download' }).click(WAIT);
    await expect.poll(() => row(page, 'tiny/sprig').innerText(), WAIT).toMatch(/is here/);
    expect(ranges()).toEqual([expect.stringMatching(/^bytes=[1-9]\d{4,}-$/)]);
    await expect
      .poll(() => kept(page).innerText())
      .toMatch(
        /tiny\/sprig\s+[\d.]+ MiB, licence apache-2\.0, from localhost:\d+\/tiny\/sprig, commit [0-9a-f]{7}/,
      );
    expect(await folders(page)).toBe(1);
    expect(problems.filter((problem) => !problem.includes('/lfs/'))).toEqual([]);
  });

  test('opens with the network cut, also after a reload', async () => {
    const { page } = studio;
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null, undefined, WAIT);
    await page.context().setOffline(true);
    await page.reload();
    await kept(page).getByRole('button', { name: 'Open tiny/sprig' }).click(WAIT);
    await expect.poll(() => kept(page).innerText(), WAIT).toMatch(/, open/);
    await goTo(page, 'use');
    await page.getByLabel('Prompt for both').fill('What grows in bed 3?');
    await page.keyboard.press('Enter');
    await expect
      .poll(() => page.getByRole('button', { name: 'Show the probabilities' }).count(), WAIT)
      .toBeGreaterThan(0);
    await expect.poll(() => counter(page)).toMatch(/: 0 to others, 0 to its own server/);

    // Without a network the hub cannot be asked, and the page says so.
    await goTo(page, 'task');
    await find(page, 'tiny/seed');
    await region(page).getByRole('alert').waitFor(WAIT);
    await expect
      .poll(() => region(page).getByRole('alert').innerText())
      .toMatch(/offline|could not be reached/);
    await page.context().setOffline(false);
    await region(page).getByRole('button', { name: 'Put away' }).click();
  });

  test('is one of several where it has several', async () => {
    const { page } = studio;
    await find(page, `${hub.address}/tiny/seed`);
    const plan = page.getByRole('region', { name: /^2 ways to have/ });
    await plan.waitFor(WAIT);
    const rows = await plan.locator('ul > li').allInnerTexts();
    expect(rows.map((text) => /^\S+/.exec(text)?.[0])).toEqual(['seed-Q4_0.gguf', 'seed-Q8_0.gguf']);
    expect(await plan.getByRole('button', { name: 'Download: seed-Q8_0.gguf' }).isEnabled()).toBe(true);
    await find(page, `${hub.address}/tiny/seed/resolve/main/seed-Q8_0.gguf`);
    await expect
      .poll(
        () =>
          region(page)
            .getByRole('button', { name: /^Download: seed/ })
            .count(),
        WAIT,
      )
      .toBe(1);
    expect(await inspect(page, 'hub-found')).toEqual([]);
  });
});

describe('models that suit a browser', () => {
  beforeAll(async () => {
    studio = await visit();
  });
  afterAll(() => studio.close());
  const list = (page: Page): Locator =>
    page.getByRole('region', { name: 'Small models that suit a browser' });
  const entry = (page: Page, id: string): Locator => list(page).getByRole('listitem').filter({ hasText: id });
  const SMOL = 'HuggingFaceTB/SmolLM2-135M-Instruct';

  test('are listed with the memory that each would take, and no time before one was measured', async () => {
    const { page } = studio;
    await list(page).scrollIntoViewIfNeeded();
    await expect.poll(() => list(page).getByRole('listitem').count()).toBe(8);
    await expect
      .poll(() => entry(page, 'openai-community/gpt2').innerText(), WAIT)
      .toMatch(/Memory|Not as it is/);
    await expect
      .poll(() => entry(page, SMOL).innerText())
      .toMatch(
        /135 M parameters, 257 MiB, licence apache-2\.0.*Memory [\d.]+ (MiB|GiB); [\d.]+ MiB with 4-bit weights/s,
      );
    await expect.poll(() => list(page).innerText()).toMatch(/No training was measured on this GPU yet/);
    expect(await list(page).innerText()).not.toMatch(/for a step/);
    await expect
      .poll(() => entry(page, 'google/gemma-3-270m-it').innerText())
      .toMatch(/gated.*unsloth\/gemma-3-270m-it is a copy/s);
    // Not one of these words came from anywhere else.
    expect(hub.requests).toEqual([]);
    await expect.poll(() => counter(page)).toMatch(/: 0 to others/);
  });

  test('get a time from a measurement, which stays', async () => {
    const { page, problems } = studio;
    await list(page).getByRole('button', { name: 'Measure it' }).click();
    await list(page).getByRole('button', { name: 'Stop' }).waitFor();
    await list(page).getByRole('button', { name: 'Measure again' }).waitFor({ timeout: 240_000 });
    const time = /About [\d.]+ (ms|s|min).* for a step of 1,024 tokens, 100 steps in \d+/;
    await expect.poll(() => entry(page, 'openai-community/gpt2').innerText(), WAIT).toMatch(time);
    await page.reload();
    await list(page).scrollIntoViewIfNeeded();
    await expect.poll(() => entry(page, SMOL).innerText(), WAIT).toMatch(time);
    expect(await inspect(page, 'hub-curated')).toEqual([]);
    expect(problems).toEqual([]);
  });

  test('are found with a press', async () => {
    const { page } = studio;
    await entry(page, SMOL)
      .getByRole('button', { name: `Find ${SMOL}` })
      .click();
    await page.getByRole('region', { name: SMOL, exact: true }).waitFor(WAIT);
    await expect.poll(() => region(page).getByLabel('Model', { exact: true }).inputValue()).toBe(SMOL);
    await expect
      .poll(() =>
        region(page)
          .getByRole('button', { name: /^Download: / })
          .count(),
      )
      .toBe(1);
  });
});

describe('what goes wrong', () => {
  beforeAll(async () => {
    studio = await visit();
  });
  afterAll(() => studio.close());

  /** Waits for what the page says of a failure: it may say something older still. */
  const told = (page: Page, words: RegExp): Promise<void> =>
    expect
      .poll(() => region(page).getByRole('alert').allInnerTexts(), WAIT)
      .toEqual([expect.stringMatching(words)]);
  const putAway = (page: Page): Promise<void> =>
    region(page).getByRole('button', { name: 'Put away' }).click();

  test('with a name is said: none of it, and none for strangers', async () => {
    const { page } = studio;
    await find(page, 'tiny/nothing');
    await told(
      page,
      /has no model tiny\/nothing that can be had without a token \(401\).*Check the spelling/s,
    );
    await putAway(page);
    await region(page)
      .getByLabel(/^Access token/)
      .fill(TOKEN);
    await find(page, 'tiny/nothing');
    await told(page, /has no model tiny\/nothing \(404\)/);
    await putAway(page);
    await region(page)
      .getByLabel(/^Access token/)
      .fill('');
    await find(page, 'no id at all');
    await told(page, /is no id of a model.*hub-address/s);
    await putAway(page);
    expect(others(studio)).toEqual([]);
  });

  test('with a gated licence is said; a token opens it and is written nowhere', async () => {
    const { page } = studio;
    await download(page, 'tiny/gated');
    await told(page, /only to accounts that have accepted its licence.*\/tiny\/gated/s);
    await region(page)
      .getByLabel(/^Access token/)
      .fill('hf_wrong');
    await row(page, 'tiny/gated')
      .getByRole('button', { name: /^Resume/ })
      .click();
    await told(page, /does not accept the token \(401\)/);
    expect(await inspect(page, 'hub-refused')).toEqual([]);
    hub.reset();
    await region(page)
      .getByLabel(/^Access token/)
      .fill(TOKEN);
    await row(page, 'tiny/gated')
      .getByRole('button', { name: /^Resume/ })
      .click();
    await expect.poll(() => row(page, 'tiny/gated').innerText(), WAIT).toMatch(/is here/);
    // Redirected to the file servers, it stays behind.
    const asked = hub.requests.filter(({ method }) => method === 'GET');
    expect(asked.filter(({ server }) => server === 'files').length).toBeGreaterThan(0);
    expect(
      asked.filter(({ server, authorization }) => (server === 'files') === (authorization !== undefined)),
    ).toEqual([]);
    await page.reload();
    await page.getByText('Access token, another hub').click();
    await expect
      .poll(() =>
        region(page)
          .getByLabel(/^Access token/)
          .inputValue(),
      )
      .toBe('');
    await expect.poll(() => region(page).getByLabel('Address of the hub').inputValue()).toBe(hub.address);
    expect(others(studio)).toEqual([]);
  });

  test('on the way is said, what mends itself goes on, and what is cancelled leaves nothing', async () => {
    const { page } = studio;
    hub.fail(ofWeights, { bytes: new Uint8Array(WEIGHTS.byteLength) });
    await download(page, 'tiny/sprig');
    await told(page, /its checksum differs/);
    // A server that is busy, and a connection that breaks, are borne with.
    hub.fail(ofWeights, { status: 503 });
    hub.fail(ofWeights, { cut: 100_000 });
    slow();
    await row(page, 'tiny/sprig')
      .getByRole('button', { name: /^Resume/ })
      .click();
    await expect.poll(() => row(page, 'tiny/sprig').innerText(), WAIT).toMatch(/Waiting to ask again/);
    await expect.poll(() => row(page, 'tiny/sprig').innerText(), WAIT).toMatch(/MiB\/s|KiB\/s/);
    expect(await folders(page)).toBe(2);

    // Cancelled while it runs.
    await row(page, 'tiny/sprig')
      .getByRole('button', { name: /^Cancel/ })
      .click();
    await row(page, 'tiny/sprig').getByRole('button', { name: 'Throw away what came' }).click();
    await expect.poll(() => row(page, 'tiny/sprig').count(), WAIT).toBe(0);
    expect(await folders(page)).toBe(1);
    await page.reload();
    await expect.poll(() => kept(page).count(), WAIT).toBe(1);
    expect(await row(page, 'tiny/sprig').count()).toBe(0);
    expect(others(studio)).toEqual([]);
  });

  test('with a server that the policy does not name is said', async () => {
    const { page } = studio;
    await find(page, 'http://127.0.0.1:9/model.gguf');
    await told(page, /This page may not reach http:\/\/127\.0\.0\.1:9.*graft fetch/s);
    await putAway(page);
    await page.getByText('Access token, another hub').click();
    await region(page).getByLabel('Address of the hub').fill('nowhere');
    await region(page).getByRole('button', { name: 'Use this hub' }).click();
    await told(page, /is no address of a hub/);
  });
});
