/**
 * Kills the whole Chromium at random instants of a run in the page, opens the same profile again and resumes, until the run is done: its curve is
 * that of an uninterrupted run.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext } from 'playwright-core';
import { test } from 'vitest';
import { findChromium } from '../../scripts/machine.mjs';
import { Random } from '../../src/random.ts';
import { ended, listRuns, openAll, OPTIONS, startBench, train } from '../browser/bench.ts';
import { WEBGPU_FLAGS } from '../browser/chromium.ts';
import type { CampaignOptions, Row } from './campaign.ts';
import { attackPage, curveOf, hurry, wholeRun } from './page-run.ts';

const KILLS = 32;
const KILLS_OF_A_RUN = 4;

/** Ends every process of the browser that has this profile, as a crash of the machine would. */
async function kill(context: BrowserContext, profile: string): Promise<void> {
  const gone = new Promise((resolve) => context.once('close', resolve));
  spawnSync('pkill', ['-9', '-f', profile]);
  await gone;
}

async function attackKills({ seed, share }: CampaignOptions): Promise<Row[]> {
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
          // Killed before the first checkpoint: there is nothing to resume.
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

test('kills in the page', () => attackPage('kills in the page', attackKills));
