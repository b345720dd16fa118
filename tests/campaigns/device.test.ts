/**
 * Takes the GPU away from a run: at random instants, and in the middle of random calls. The page gets a new device each time and continues until the
 * run is done: its curve is that of an uninterrupted run.
 */
import type { Browser, Page, Worker } from 'playwright-core';
import { test } from 'vitest';
import { Random } from '../../src/random.ts';
import { listRuns, openAll, OPTIONS, startBench, train, type Bench } from '../browser/bench.ts';
import { computeOn, launchChromium } from '../browser/chromium.ts';
import { engineOf } from '../browser/gate.ts';
import type { CampaignOptions, Row } from './campaign.ts';
import { attackPage, checkCurve, endsWithin, hurry, wholeRun, type WholeRun } from './page-run.ts';

const LOSSES = 60;
const LOSSES_OF_A_RUN = 4;

declare const bench: Bench;

/** The worker's record of its device. */
interface Hold {
  device?: GPUDevice;
  /** Calls of the device until it is lost. */
  left: number;
  /** Calls so far. */
  calls: number;
}

/** Counts the calls of the worker's device that make, fill and read things, so that it can be lost in any of them. */
async function hold(worker: Worker): Promise<void> {
  await worker.evaluate(() => {
    const held: Hold = { left: Infinity, calls: 0 };
    Object.assign(globalThis, { held });
    const request = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function (...args) {
      const device = await request.apply(this, args);
      held.device = device;
      return device;
    };
    const before = <Name extends string>(
      prototype: Record<Name, (...args: never[]) => unknown>,
      name: Name,
    ): void => {
      const call = prototype[name];
      prototype[name] = function (this: unknown, ...args: never[]) {
        held.calls++;
        if (--held.left === 0) held.device?.destroy();
        return call.apply(this, args);
      };
    };
    before(GPUDevice.prototype, 'createBuffer');
    before(GPUDevice.prototype, 'createBindGroup');
    before(GPUDevice.prototype, 'createComputePipelineAsync');
    before(GPUDevice.prototype, 'createCommandEncoder');
    before(GPUQueue.prototype, 'writeBuffer');
    before(GPUQueue.prototype, 'submit');
    before(GPUBuffer.prototype, 'mapAsync');
  });
}

const callsOf = (page: Page): Promise<number> =>
  engineOf(page).evaluate(() => (globalThis as unknown as { held: Hold }).held.calls);

interface Counts {
  tried: number;
  failed: number;
  runs: number;
  resumed: number;
  again: number;
}

/** Trains to the end, however often the device is lost. */
async function oneRun(
  browser: Browser,
  whole: WholeRun & { calls: number },
  way: 'instant' | 'call',
  { random, counts, wanted }: { random: Random; counts: Counts; wanted: number },
): Promise<void> {
  const context = await browser.newContext();
  await computeOn(context, 'gpu');
  try {
    const page = await context.newPage();
    await hold(await startBench(page));
    await hurry(page, 'gpu');
    await openAll(page);
    for (let lost = 0; ;) {
      const [saved] = await listRuns(page);
      const goesOn = saved?.resumable ?? false;
      if (saved && !goesOn && saved.status !== 'failed')
        throw new Error(`The run is left as ${saved.status}`);
      if (lost > 0) counts[goesOn ? 'resumed' : 'again']++;
      const isLast = lost === LOSSES_OF_A_RUN || counts.tried >= wanted;
      if (!isLast && way === 'call')
        await engineOf(page).evaluate(
          (left) => void ((globalThis as unknown as { held: Hold }).held.left = left),
          1 + Math.floor(random.float() * whole.calls),
        );
      await train(page, goesOn ? saved.id : OPTIONS);
      if (!isLast && way === 'instant') {
        const outcome = await endsWithin(page, random.float() * whole.duration);
        if (!outcome)
          await engineOf(page).evaluate(() =>
            (globalThis as unknown as { held: Hold }).held.device?.destroy(),
          );
      }
      const outcome = await page.evaluate(() => bench.run!);
      if (outcome.ok) {
        checkCurve(outcome.run, whole);
        return;
      }
      if (isLast || outcome.code !== 'engine-device-lost') throw new Error(JSON.stringify(outcome));
      lost++;
      counts.tried++;
    }
  } finally {
    await context.close();
  }
}

async function attackDevice({ seed, share }: CampaignOptions): Promise<Row[]> {
  const random = new Random(seed);
  const browser = await launchChromium();
  const inOnePiece = await wholeRun({ on: 'gpu' });
  const counting = await browser.newContext();
  await computeOn(counting, 'gpu');
  const page = await counting.newPage();
  await hold(await startBench(page));
  await hurry(page, 'gpu');
  await openAll(page);
  const before = await callsOf(page);
  await train(page, OPTIONS);
  await page.evaluate(() => bench.run);
  const whole = { ...inOnePiece, calls: (await callsOf(page)) - before };
  await counting.close();

  const wanted = Math.ceil((LOSSES * share) / 2);
  const rows: Row[] = [];
  for (const way of ['instant', 'call'] as const) {
    const counts: Counts = { tried: 0, failed: 0, runs: 0, resumed: 0, again: 0 };
    while (counts.tried < wanted) {
      counts.runs++;
      try {
        await oneRun(browser, whole, way, { random, counts, wanted });
      } catch (error) {
        counts.failed++;
        counts.tried++;
        console.error(error);
      }
      console.log(`${way}: ${JSON.stringify(counts)}`);
    }
    rows.push({
      what: `The GPU is lost ${way === 'instant' ? 'at a random instant' : 'in a random call'}`,
      tried: counts.tried,
      failed: counts.failed,
      note: `${counts.runs} runs to the end, resumed ${counts.resumed} times, begun again ${counts.again} times before the first checkpoint`,
    });
  }
  await browser.close();
  return rows;
}

test('a lost GPU', () => attackPage('lost GPU', attackDevice));
