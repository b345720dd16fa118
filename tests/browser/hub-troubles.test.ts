/**
 * Errors of downloads from the hub: refused, changed on the way, broken off, no room. What was downloaded stays, and the download resumes. The
 * tests share a profile.
 */
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { TOKEN } from '../hub-server.ts';
import type { WatchedPage } from './chromium.ts';
import { download, find, folders, HubBench, kept, region, row, sprig } from './hub.ts';
import { inspect, PICTURES, WAIT } from './looks.ts';

const WEIGHTS = sprig.files['model.safetensors'];
const ofWeights = new RegExp(`^/lfs/${createHash('sha256').update(WEIGHTS).digest('hex')}`);

let bench: HubBench;
let studio: WatchedPage;
beforeAll(async () => {
  mkdirSync(PICTURES, { recursive: true });
  bench = await HubBench.start({
    'tiny/sprig': sprig,
    'tiny/gated': { ...sprig, gated: true },
    'tiny/again': sprig,
  });
  studio = await bench.visit();
});
afterAll(() => bench.close());
beforeEach(() => bench.hub.reset());

/** The browser writes refusals of the test hub to the console. */
const others = ({ problems }: WatchedPage): string[] =>
  problems.filter(
    (problem) => !problem.includes('Failed to load resource') && !problem.includes('localhost'),
  );

/** Waits for the page's words for a failure: an older one may still be there. */
const told = (page: Page, words: RegExp): Promise<void> =>
  expect
    .poll(() => region(page).getByRole('alert').allInnerTexts(), WAIT)
    .toEqual([expect.stringMatching(words)]);
const putAway = (page: Page): Promise<void> =>
  region(page).getByRole('alert').getByRole('button', { name: 'Put away' }).click();

/** Waits until a slow download has reached the weights: the small files before them are 60 kB. */
const inWeights = (page: Page, name: string): Promise<void> =>
  expect
    .poll(() => row(page, name).getByRole('progressbar').getAttribute('value'), WAIT)
    .toMatch(/^[1-9]\d{5}/);

test('a name that the hub does not have, or does not show to strangers, gets an error', async () => {
  const { page } = studio;
  await find(page, 'tiny/nothing');
  await told(page, /has no model tiny\/nothing that can be had without a token \(401\).*Check the spelling/s);
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
  await told(page, /is not the id of a model.*hub-address/s);
  await putAway(page);
  expect(others(studio)).toEqual([]);
});

test('a listing that never ends gets an error', async () => {
  const { page } = studio;
  bench.hub.fail(/\/api\//, { endless: 200 });
  await find(page, 'tiny/sprig');
  await told(page, /about tiny\/sprig is too long: it has more than 33\.6 MB/);
  await putAway(page);
  expect(others(studio)).toEqual([]);
});

test('a gated licence gets an error; a token opens the model and is written nowhere', async () => {
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
  bench.hub.reset();
  await region(page)
    .getByLabel(/^Access token/)
    .fill(TOKEN);
  await row(page, 'tiny/gated')
    .getByRole('button', { name: /^Resume/ })
    .click();
  await expect.poll(() => row(page, 'tiny/gated').innerText(), WAIT).toMatch(/is here/);
  // A redirect to the file servers does not take the token along.
  const asked = bench.hub.requests.filter(({ method }) => method === 'GET');
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
  await expect.poll(() => region(page).getByLabel('Address of the hub').inputValue()).toBe(bench.hub.address);
  expect(others(studio)).toEqual([]);
});

test('a broken download gets an error, continues where it recovers, and leaves nothing when it is cancelled', async () => {
  const { page } = studio;
  bench.hub.fail(ofWeights, { bytes: new Uint8Array(WEIGHTS.byteLength) });
  await download(page, 'tiny/sprig');
  await told(page, /its checksum differs/);
  // The download survives a busy server and a broken connection.
  bench.hub.fail(ofWeights, { status: 503, retryAfter: 600 });
  bench.hub.fail(ofWeights, { cut: 100_000 });
  bench.slow();
  await row(page, 'tiny/sprig')
    .getByRole('button', { name: /^Resume/ })
    .click();
  await expect.poll(() => row(page, 'tiny/sprig').innerText(), WAIT).toMatch(/Asking again in \d+ s/);
  await row(page, 'tiny/sprig').getByRole('button', { name: 'Ask now' }).click();
  await expect.poll(() => row(page, 'tiny/sprig').innerText(), WAIT).toMatch(/MiB\/s|KiB\/s/);
  await expect.poll(() => folders(page)).toBe(2);

  // Cancelled while it runs.
  await row(page, 'tiny/sprig')
    .getByRole('button', { name: /^Cancel/ })
    .click();
  await row(page, 'tiny/sprig').getByRole('button', { name: 'Delete the part that came' }).click();
  await expect.poll(() => row(page, 'tiny/sprig').count(), WAIT).toBe(0);
  await expect.poll(() => folders(page)).toBe(1);
  await page.reload();
  await expect.poll(() => kept(page).count(), WAIT).toBe(1);
  await expect.poll(() => row(page, 'tiny/sprig').count()).toBe(0);
  expect(others(studio)).toEqual([]);
});

test('a download without enough room keeps what it has, and resumes when there is room', async () => {
  const { page } = studio;
  const devtools = await page.context().newCDPSession(page);
  const origin = bench.site.address.slice(0, -1);
  bench.slow();
  await download(page, 'tiny/sprig');
  await inWeights(page, 'tiny/sprig');
  await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1 });
  bench.hub.heal();
  await told(page, /no room left.*Free some disk space/s);
  await expect.poll(() => row(page, 'tiny/sprig').innerText(), WAIT).toMatch(/stopped at/);
  expect(await inspect(page, 'hub-no-room')).toEqual([]);

  await devtools.send('Storage.overrideQuotaForOrigin', { origin });
  bench.hub.reset();
  await row(page, 'tiny/sprig')
    .getByRole('button', { name: /^Resume/ })
    .click();
  await expect.poll(() => row(page, 'tiny/sprig').innerText(), WAIT).toMatch(/is here/);
  expect(bench.ranges()).toEqual([expect.stringMatching(/^bytes=[1-9]\d{3,}-$/)]);
  expect(others(studio)).toEqual([]);
});

test('a download starts over where the server has no byte at which it broke off (416)', async () => {
  const { page } = studio;
  bench.slow();
  await download(page, 'tiny/again');
  const coming = row(page, 'tiny/again');
  await inWeights(page, 'tiny/again');
  await coming.getByRole('button', { name: 'Pause the download' }).click();
  await expect.poll(() => coming.innerText(), WAIT).toMatch(/stopped at/);
  bench.hub.reset();
  bench.hub.fail(ofWeights, { status: 416 });
  await coming.getByRole('button', { name: 'Resume the download' }).click();
  await expect.poll(() => coming.innerText(), WAIT).toMatch(/is here/);
  expect(bench.ranges()).toEqual([expect.stringMatching(/^bytes=[1-9]\d{3,}-$/), 'bytes=0-']);
  expect(others(studio)).toEqual([]);
});

test('a server that the policy does not name gets an error', async () => {
  const { page } = studio;
  await find(page, 'http://127.0.0.1:9/model.gguf');
  await told(page, /This page may not reach http:\/\/127\.0\.0\.1:9.*graft fetch/s);
  await putAway(page);
  await page.getByText('Access token, another hub').click();
  await region(page).getByLabel('Address of the hub').fill('nowhere');
  await region(page).getByRole('button', { name: 'Use this hub' }).click();
  await told(page, /is not the address of a hub/);
});
