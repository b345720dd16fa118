/**
 * A second tab of the same profile watches the run of a first one, which is paused, stopped or closed at a random instant. The second one learns of
 * it at once, continues the run, and is watched in turn. In the end there is the curve of an uninterrupted run, or of its beginning with the adapter
 * that was kept.
 */
import type { Browser, Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { Random } from '../../src/random.ts';
import type { RunStatus } from '../../src/worker/api.ts';
import {
  ended,
  listAdapters,
  listRuns,
  losses,
  openAll,
  openBench,
  OPTIONS,
  train,
  type Bench,
} from '../browser/bench.ts';
import { launchChromium } from '../browser/chromium.ts';
import type { CampaignOptions, Row } from './campaign.ts';
import { attackPage, checkCurve, curveOf, endsWithin, hurry, wholeRun, type WholeRun } from './page-run.ts';

const TURNS = 36;
const TURNS_OF_A_RUN = 4;
const WAYS = ['paused', 'stopped', 'closed'] as const;
type Way = (typeof WAYS)[number];
/** The other tab must have noticed after this many milliseconds. */
const NOTICED_MS = 2_000;

interface Noticed {
  readonly at: number;
  /** None while nothing of the run was saved. */
  readonly status?: RunStatus;
}
/** What the second tab saw in its list of runs, each time that it was told of a change. */
interface Watch extends Bench {
  readonly noticed: Noticed[];
}
declare const bench: Watch;

async function watch(page: Page): Promise<void> {
  await page.evaluate(() => {
    const noticed: Noticed[] = [];
    Object.assign(bench, { noticed });
    const look = async (): Promise<void> => {
      const listed = await bench.api.listRuns();
      if (listed.ok) noticed.push({ at: Date.now(), status: listed.runs.at(0)?.status });
    };
    void bench.api.watchTabs(bench.proxy(() => void look()));
  });
}

/** Interrupts the run of the first tab. @returns when that was done, on the clock of both tabs */
async function interrupt(first: Page, way: Way): Promise<number> {
  if (way === 'closed') {
    await first.close();
    return Date.now();
  }
  const call: 'pauseRun' | 'stopRun' = way === 'paused' ? 'pauseRun' : 'stopRun';
  return first.evaluate(async (name) => {
    void bench.api[name]();
    await bench.run;
    return Date.now();
  }, call);
}

/** Milliseconds from `done` until the second tab saw that nothing trains. @throws Error if it never did */
async function noticedAfter(second: Page, done: number): Promise<number> {
  const seen = await second
    .waitForFunction(() => {
      const last = bench.noticed.at(-1);
      return last && last.status !== 'running' && last;
    })
    .catch(() => undefined);
  const noticed = await seen?.jsonValue();
  if (!noticed) throw new Error('The second tab did not notice that the first one has ended');
  return Math.max(0, noticed.at - done);
}

/** Counts for a way to interrupt. */
interface Count {
  tried: number;
  failed: number;
  slowest: number;
}
type Counts = ReadonlyMap<Way, Count>;

/** Trains a run to its end in turns: the watching tab continues what the other one left. */
async function oneRun(
  browser: Browser,
  whole: WholeRun,
  { random, counts, wanted }: { random: Random; counts: Counts; wanted: number },
): Promise<void> {
  const context = await browser.newContext();
  let way: Way | undefined;
  try {
    let first = await openBench(context);
    await hurry(first);
    let second = await openBench(context, { ready: false });
    await hurry(second);
    for (let turns = 0; ; turns++) {
      const [saved] = await listRuns(first);
      await train(first, saved?.id ?? OPTIONS);
      if (turns === TURNS_OF_A_RUN || triedOf(counts) >= wanted) {
        way = undefined;
        checkCurve(await ended(first), whole);
        return;
      }
      await watch(second);
      way = WAYS[Math.floor(random.float() * WAYS.length)];
      const count = counts.get(way)!;
      count.tried++;
      await endsWithin(first, random.float() * whole.duration);
      const delay = await noticedAfter(second, await interrupt(first, way));
      count.slowest = Math.max(count.slowest, delay);
      if (delay > NOTICED_MS) throw new Error(`The second tab noticed after ${delay} ms only`);

      const [left] = await listRuns(second);
      if (left?.status === 'done') {
        checkCurve(left, whole);
        return;
      }
      if (left?.status === 'stopped') {
        if (JSON.stringify(losses(left)) !== JSON.stringify(whole.losses.slice(0, left.steps.length)))
          throw new Error(`The stopped curve differs: ${curveOf(left)}`);
        expect(await listAdapters(second)).toMatchObject([{ runId: left.id }]);
        return;
      }
      if (left?.status === 'cancelled') {
        expect(left.steps).toEqual([]);
        return;
      }
      if (left) expect(left).toMatchObject({ status: 'paused', resumable: true });
      // Closed before anything of it was saved: the second tab may train a run of its own.
      else await openAll(second);
      if (way === 'closed') {
        first = await openBench(context, { ready: false });
        await hurry(first);
      }
      [first, second] = [second, first];
    }
  } catch (error) {
    if (way) counts.get(way)!.failed++;
    throw error;
  } finally {
    await context.close();
  }
}

const triedOf = (counts: Counts): number => [...counts.values()].reduce((sum, { tried }) => sum + tried, 0);

async function attackTabs({ seed, share }: CampaignOptions): Promise<Row[]> {
  const random = new Random(seed);
  const whole = await wholeRun();
  const browser = await launchChromium();
  const wanted = Math.ceil(TURNS * share);
  const counts: Counts = new Map(WAYS.map((way) => [way, { tried: 0, failed: 0, slowest: 0 }]));
  let runs = 0;
  let unfinished = 0;
  while (triedOf(counts) < wanted) {
    runs++;
    await oneRun(browser, whole, { random, counts, wanted }).catch((error: unknown) => {
      unfinished++;
      console.error(error);
    });
    console.log(`${runs} runs, ${unfinished} failed, ${JSON.stringify([...counts])}`);
  }
  await browser.close();
  return [
    ...[...counts].map(([way, { tried, failed, slowest }]) => ({
      what: `The first tab is ${way} at a random instant`,
      tried,
      failed,
      note: `the second noticed after ${(slowest / 1000).toFixed(2)} s at most`,
    })),
    {
      what: 'Runs that went on from tab to tab',
      tried: runs,
      failed: unfinished,
      note: 'losses, validation and samples are those of a run in one piece',
    },
  ];
}

test('two tabs', () => attackPage('two tabs', attackTabs));
