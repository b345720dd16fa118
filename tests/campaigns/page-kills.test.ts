/**
 * Kills the whole Chromium at random instants of a run in the page, opens the same profile again and goes on, until the run is done: its
 * curve is that of a run that nothing interrupted.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext, type Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { findChromium } from '../../scripts/machine.mjs';
import { Random } from '../../src/random.ts';
import type { RunRecord } from '../../src/worker/api.ts';
import { ended, listRuns, losses, openAll, openBench, OPTIONS, startBench, train } from '../browser/bench.ts';
import { launchChromium, WEBGPU_FLAGS } from '../browser/chromium.ts';
import { attack, type CampaignOptions, type Row } from './campaign.ts';

const KILLS = 32;
const KILLS_OF_A_RUN = 4;
/** Checkpoints are due by the clock, which runs faster here, so that the short run has several. */
const FASTER = 40;

/** All that a run is compared by. */
const curveOf = (run: RunRecord): string => JSON.stringify([losses(run), run.evals, run.samples]);

async function hurry(page: Page): Promise<void> {
  await page
    .workers()
    .at(-1)!
    .evaluate((factor) => {
      const now = performance.now.bind(performance);
      performance.now = () => now() * factor;
    }, FASTER);
}

/** The curve of a run in one piece, and its milliseconds. */
async function wholeRun(): Promise<{ curve: string; duration: number }> {
  const browser = await launchChromium();
  const page = await openBench(await browser.newContext());
  await hurry(page);
  const begun = performance.now();
  await train(page, OPTIONS);
  const curve = curveOf(await ended(page));
  const duration = performance.now() - begun;
  await browser.close();
  return { curve, duration };
}

/** Ends every process of the browser that has this profile, as a crash of the machine would. */
async function kill(context: BrowserContext, profile: string): Promise<void> {
  const gone = new Promise((resolve) => context.once('close', resolve));
  spawnSync('pkill', ['-9', '-f', profile]);
  await gone;
}

async function attackPage({ seed, share }: CampaignOptions): Promise<Row[]> {
  const random = new Random(seed);
  const root = mkdtempSync(join(tmpdir(), 'graft-page-kills-'));
  const whole = await wholeRun();
  const wanted = Math.ceil(KILLS * share);
  const counts = { kills: 0, failed: 0, runs: 0, resumed: 0, again: 0 };
  while (counts.kills < wanted) {
    const profile = join(root, `run-${counts.runs++}`);
    for (let kills = 0, done = false; !done;) {
      const context = await chromium.launchPersistentContext(profile, {
        executablePath: findChromium(),
        args: WEBGPU_FLAGS,
      });
      const isLast = kills === KILLS_OF_A_RUN || counts.kills >= wanted;
      try {
        const page = await context.newPage();
        await startBench(page);
        await hurry(page);
        const [saved] = await listRuns(page);
        if (!saved) {
          // Killed before the first checkpoint: nothing was promised yet.
          counts.again++;
          await openAll(page);
        } else if (saved.status !== 'done') {
          counts.resumed++;
          if (!saved.resumable) throw new Error(`The saved run is ${saved.status} and cannot be resumed`);
        }
        let run = saved;
        if (run?.status !== 'done') {
          await train(page, run?.id ?? OPTIONS);
          const end = ended(page);
          end.catch(() => undefined);
          const instant = random.float() * whole.duration;
          const cut = new Promise<undefined>((resolve) => setTimeout(resolve, instant));
          const result = await (isLast ? end : Promise.race([end, cut]));
          if (!result) {
            kills++;
            counts.kills++;
            continue;
          }
          run = result;
        }
        done = true;
        if (curveOf(run) !== whole.curve) throw new Error(`The curve differs: ${curveOf(run)}`);
      } catch (error) {
        counts.failed++;
        done = true;
        console.error(error);
      } finally {
        await kill(context, profile);
      }
    }
    rmSync(profile, { recursive: true, force: true });
    console.log(`${counts.kills} kills, ${counts.runs} runs, ${counts.failed} failed`);
  }
  rmSync(root, { recursive: true, force: true });
  return [
    {
      what: 'Chromium killed at a random instant of a run',
      tried: counts.kills,
      failed: counts.failed,
      note: `${counts.runs} runs to the end, resumed ${counts.resumed} times; losses, validation and samples are those of a run in one piece`,
    },
  ];
}

test('kills in the page', async () => {
  const flags = JSON.parse(process.env['GRAFT_CAMPAIGN_FLAGS'] ?? '[]') as string[];
  expect(await attack('kills in the page', attackPage, flags)).toBe(true);
});
