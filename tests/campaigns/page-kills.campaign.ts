/**
 * Kills the whole Chromium at random instants of a run in the page, opens the same profile again and goes on, until the run is done: its
 * curve is that of a run that nothing interrupted.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { build, preview } from 'vite';
import { findChromium } from '../../scripts/machine.mjs';
import { Random } from '../../src/random.ts';
import type { RunRecord } from '../../src/worker/api.ts';
import {
  ended,
  listRuns,
  losses,
  openAll,
  OPTIONS,
  serveBench,
  startBench,
  train,
} from '../browser/bench.ts';
import { chromiumFlags } from '../browser/chromium.ts';
import { campaign } from './campaign.ts';

const KILLS = 32;
const KILLS_OF_A_RUN = 6;
/** Checkpoints are due by the clock, which runs faster here, so that the short run has several. */
const FASTER = 40;

/** A Chromium whose process can be killed, with a profile that stays. */
interface Killable {
  readonly context: BrowserContext;
  kill(): Promise<void>;
}

async function open(profile: string): Promise<Killable> {
  const child: ChildProcess = spawn(
    findChromium()!,
    ['--headless=new', '--remote-debugging-port=0', `--user-data-dir=${profile}`, ...chromiumFlags],
    { detached: true, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const address = await new Promise<string>((resolve, reject) => {
    let said = '';
    child.stderr!.on('data', (bytes: Buffer) => {
      said += bytes.toString();
      const found = /DevTools listening on (ws:\S+)/.exec(said);
      if (found) resolve(found[1]);
    });
    child.on('exit', () => reject(new Error(`Chromium ended: ${said}`)));
  });
  const browser: Browser = await chromium.connectOverCDP(address);
  return {
    context: browser.contexts()[0],
    async kill() {
      const gone = once(child, 'exit');
      // The process and those that it started.
      process.kill(-child.pid!, 'SIGKILL');
      await gone;
      await browser.close().catch(() => undefined);
    },
  };
}

async function bench(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  const worker = await startBench(page);
  // The transpiler wraps functions in this, also those that the page is given.
  for (const place of [page, worker]) await place.evaluate('globalThis.__name = (value) => value');
  await worker.evaluate((factor) => {
    const now = performance.now.bind(performance);
    performance.now = () => now() * factor;
  }, FASTER);
  return page;
}

/** All that a run is compared by. */
const curveOf = (run: RunRecord): string => JSON.stringify([losses(run), run.evals, run.samples]);

await campaign('kills in the page', async ({ seed, share }) => {
  process.env['NODE_ENV'] = 'production';
  await build({ logLevel: 'warn' });
  const server = await preview({ logLevel: 'warn', preview: { port: 0, strictPort: false } });
  serveBench(server.resolvedUrls!.local[0]);
  const generator = new Random(seed);
  const root = mkdtempSync(join(tmpdir(), 'graft-page-kills-'));

  const first = await open(join(root, 'whole'));
  const page = await bench(first.context);
  await openAll(page);
  const begun = performance.now();
  await train(page, OPTIONS);
  const whole = curveOf(await ended(page));
  const duration = performance.now() - begun;
  await first.kill();

  const wanted = Math.ceil(KILLS * share);
  const counts = { kills: 0, failed: 0, runs: 0, resumed: 0, again: 0 };
  while (counts.kills < wanted) {
    const profile = join(root, `run-${counts.runs++}`);
    for (let kills = 0, done = false; !done;) {
      const isLast = kills === KILLS_OF_A_RUN || counts.kills >= wanted;
      const { context, kill } = await open(profile);
      try {
        const page = await bench(context);
        const [saved] = await listRuns(page);
        if (saved) counts.resumed++;
        else {
          counts.again++;
          await openAll(page);
        }
        if (saved && saved.status !== 'done') {
          // The run of a browser that was killed becomes one that can be resumed.
          if (!saved.resumable) throw new Error(`The saved run is ${saved.status} and cannot be resumed`);
        }
        let run = saved;
        if (run?.status !== 'done') {
          await train(page, run?.id ?? OPTIONS);
          const end = ended(page);
          end.catch(() => undefined);
          const killed = isLast
            ? undefined
            : new Promise<undefined>((resolve) => setTimeout(resolve, generator.float() * duration));
          const result = await (killed ? Promise.race([end, killed]) : end);
          if (!result) {
            kills++;
            counts.kills++;
            continue;
          }
          run = result;
        }
        done = true;
        if (curveOf(run) !== whole) throw new Error(`The curve differs: ${curveOf(run)}`);
      } catch (error) {
        counts.failed++;
        done = true;
        console.error(error);
      } finally {
        await kill();
      }
    }
    rmSync(profile, { recursive: true, force: true });
    console.log(`${counts.kills} kills, ${counts.runs} runs, ${counts.failed} failed`);
  }
  await server.close();
  rmSync(root, { recursive: true, force: true });
  return [
    {
      what: 'Chromium killed at a random instant of a run',
      tried: counts.kills,
      failed: counts.failed,
      note: `${counts.runs} runs to the end, resumed ${counts.resumed} times; losses, validation and samples as of a run in one piece`,
    },
  ];
});
