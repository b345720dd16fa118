/** Shared by the campaigns of the page: the attacked run, and its expected curve. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import type { Outcome, RunRecord } from '../../src/worker/api.ts';
import { ended, losses, openBench, OPTIONS, train, type Bench } from '../browser/bench.ts';
import { computeOn, launchChromium, type ComputesOn } from '../browser/chromium.ts';
import { engineOf } from '../browser/gate.ts';
import { attack, type CampaignOptions, type Row } from './campaign.ts';

declare const bench: Bench;

/** Checkpoints are due by the clock, which runs faster here, so that the short run has several: it takes 2 s on the processor. */
const FASTER = { auto: 250, gpu: 40 };

/** The compared parts of a run. */
export const curveOf = (run: RunRecord): string => JSON.stringify([losses(run), run.evals, run.samples]);

export async function hurry(page: Page, on: ComputesOn = 'auto'): Promise<void> {
  await engineOf(page).evaluate((factor) => {
    const now = performance.now.bind(performance);
    performance.now = () => now() * factor;
  }, FASTER[on]);
}

export interface WholeRun {
  readonly curve: string;
  readonly losses: readonly number[];
  /** Milliseconds from the start to the end. */
  readonly duration: number;
}

/** A run in one piece. @param look at the page once it has ended */
export async function wholeRun({
  look,
  on = 'auto',
}: { look?: (page: Page) => Promise<void>; on?: ComputesOn } = {}): Promise<WholeRun> {
  const browser = await launchChromium();
  try {
    const context = await browser.newContext();
    await computeOn(context, on);
    const page = await openBench(context);
    await hurry(page, on);
    const begun = performance.now();
    await train(page, OPTIONS);
    const run = await ended(page);
    const duration = performance.now() - begun;
    await look?.(page);
    return { curve: curveOf(run), losses: losses(run), duration };
  } finally {
    await browser.close();
  }
}

/** How the run of the page ended, or undefined if it has not after so many milliseconds. */
export async function endsWithin(
  page: Page,
  milliseconds: number,
): Promise<Outcome<{ readonly run: RunRecord }> | undefined> {
  const end = page.evaluate(() => bench.run!);
  // The page may be closed while nobody waits any more.
  end.catch(() => undefined);
  return Promise.race([end, sleep(milliseconds, undefined)]);
}

/** @throws Error with both curves, if the run's differs from that of the uninterrupted run */
export function checkCurve(run: RunRecord, whole: WholeRun): void {
  if (run.status !== 'done') throw new Error(`The run ended as ${run.status}`);
  if (curveOf(run) !== whole.curve)
    throw new Error(`The curve differs:\n${curveOf(run)}\nIn one piece it is\n${whole.curve}`);
}

/** Runs a campaign of the page with the flags that `run.ts` was given. */
export async function attackPage(
  name: string,
  run: (options: CampaignOptions) => Promise<readonly Row[]>,
): Promise<void> {
  const flags = JSON.parse(process.env['GRAFT_CAMPAIGN_FLAGS'] ?? '[]') as string[];
  expect(await attack(name, run, flags)).toBe(true);
}
