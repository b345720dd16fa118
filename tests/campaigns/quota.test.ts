/**
 * The browser's storage has room for a random number of bytes, so that it is full at some write of a run. The run pauses and says why, earlier data
 * is untouched, and with room again the run continues to the curve of an uninterrupted one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { expect, inject, test } from 'vitest';
import { Random } from '../../src/random.ts';
import {
  ended,
  events,
  interrupted,
  listAdapters,
  listRuns,
  openAll,
  openBench,
  OPTIONS,
  startBench,
  train,
  type Bench,
} from '../browser/bench.ts';
import { launchChromium } from '../browser/chromium.ts';
import type { CampaignOptions, Row } from './campaign.ts';
import { attackPage, checkCurve, curveOf, hurry, wholeRun, type WholeRun } from './page-run.ts';

const ROUNDS = 30;
const QUOTA_KEPT_MS = 31_000;
/** What a run writes on its way, as a multiple of what is left of it in storage: each checkpoint takes the place of the one before. */
const WRITTEN = 6;

declare const bench: Bench;

const usedBy = (page: Page): Promise<number> =>
  page.evaluate(async () => (await navigator.storage.estimate()).usage ?? 0);

/** The files of an adapter as its export has them, as base64. */
async function exported(page: Page, id: string): Promise<string> {
  return page.evaluate(async (of) => {
    const made = await bench.api.exportAdapter(of, false);
    if (!made.ok) throw new Error(made.what);
    return String.fromCharCode(...new Uint8Array(await made.file.arrayBuffer()));
  }, id);
}

interface Counts {
  tried: number;
  failed: number;
  /** The storage was never full. */
  fitted: number;
  resumed: number;
  again: number;
}

async function round(
  browser: Browser,
  room: number,
  reload: boolean,
  whole: WholeRun,
  counts: Counts,
): Promise<void> {
  const context = await browser.newContext();
  try {
    // Something that was saved before.
    const page = await openBench(context);
    await train(page, { ...OPTIONS, name: 'Earlier' }, 1);
    await interrupted(page, 1, 'stopRun');
    const [earlier] = await listAdapters(page);
    const [earlierRun] = await listRuns(page);
    const files = await exported(page, earlier.id);
    const { origin } = new URL(inject('address'));
    await page.close();

    // Chromium looks at the quota before a write, and reckons from there for half a minute.
    await sleep(QUOTA_KEPT_MS);
    const next = await context.newPage();
    const devtools = await context.newCDPSession(next);
    await startBench(next);
    await devtools.send('Storage.overrideQuotaForOrigin', {
      origin,
      quotaSize: (await usedBy(next)) + room,
    });
    await hurry(next);
    await openAll(next);
    await train(next, OPTIONS);
    const outcome = await next.evaluate(() => bench.run!);
    if (outcome.ok) {
      counts.fitted++;
      checkCurve(outcome.run, whole);
      return;
    }
    if (outcome.code !== 'storage-full') throw new Error(JSON.stringify(outcome));
    expect((await events(next)).at(-1)).toMatchObject({
      type: 'status',
      status: 'paused',
      failure: { code: 'storage-full' },
    });
    const saved = (await events(next)).filter(({ type }) => type === 'checkpoint').length;
    if (reload) {
      await startBench(next);
      await hurry(next);
    }
    const others = (await listRuns(next)).filter(({ id }) => id !== earlierRun.id);
    const [run] = others;
    await devtools.send('Storage.overrideQuotaForOrigin', { origin });
    if (!run) {
      if (saved > 0 || !reload) throw new Error('A saved run is gone');
      counts.again++;
      await openAll(next);
    } else {
      expect(run).toMatchObject({ status: 'paused', resumable: true });
      counts.resumed++;
    }
    await train(next, run?.id ?? OPTIONS);
    checkCurve(await ended(next), whole);

    const kept = await listAdapters(next);
    expect(kept).toContainEqual(earlier);
    expect(kept).toHaveLength(2);
    expect(await exported(next, earlier.id)).toBe(files);
    const runs = await listRuns(next);
    expect(curveOf(runs.find(({ id }) => id === earlierRun.id)!)).toBe(curveOf(earlierRun));
  } finally {
    await context.close();
  }
}

async function attackQuota({ seed, share }: CampaignOptions): Promise<Row[]> {
  const random = new Random(seed);
  let bytes = 0;
  const whole = await wholeRun({
    look: async (page) => {
      bytes = await usedBy(page);
    },
  });
  const browser = await launchChromium();
  const rows: Row[] = [];
  for (const reload of [false, true]) {
    const counts: Counts = { tried: 0, failed: 0, fitted: 0, resumed: 0, again: 0 };
    const wanted = Math.ceil((ROUNDS * share) / 2);
    while (counts.tried < wanted) {
      counts.tried++;
      const room = Math.floor(random.float() * bytes * WRITTEN);
      try {
        await round(browser, room, reload, whole, counts);
      } catch (error) {
        counts.failed++;
        console.error(`With room for ${room} bytes:`, error);
      }
      console.log(`room for ${room} bytes, ${bytes} are left of a run: ${JSON.stringify(counts)}`);
    }
    rows.push({
      what: `Storage is full at a random write${reload ? ', and the page is loaded again' : ''}`,
      tried: counts.tried,
      failed: counts.failed,
      note: `${counts.resumed} went on, ${counts.again} began again with nothing to lose, ${counts.fitted} had room enough`,
    });
  }
  await browser.close();
  return rows;
}

test('a full quota', () => attackPage('full quota', attackQuota));
