/**
 * Mutated files against every parser. Each input must end in a value or in a GraftError with a message for people, within seconds and within bounded
 * memory. A worker runs the inputs, and a watchdog ends it if it hangs. Findings are written to `.cache/fuzz/TARGET-NUMBER/`, and `--seed` reproduces
 * them.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Random } from '../../src/random.ts';
import { campaign, type Row } from './campaign.ts';
import { seedOf, type Ended, type Find, type Job } from './fuzz/job.ts';
import type { Target } from './fuzz/target.ts';
import { targets } from './fuzz/targets.ts';

const FOUND = fileURLToPath(new URL('../../.cache/fuzz/', import.meta.url));
const HOOKS = fileURLToPath(new URL('./hooks.mjs', import.meta.url));
/** Processor time after which an input hangs. */
const HANG_MILLISECONDS = 20_000;
const LOOK_MILLISECONDS = 500;
const MAX_KEPT = 20;
/** Inputs of one worker: a new worker now and then separates memory that a parser should have freed from that of the next inputs. */
const BATCH = 20_000;

function processorMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Inputs [from, to) in a worker; returns how they ended, and where to continue. */
function runBatch(name: string, from: number, to: number, seed: number): Promise<Ended & { next: number }> {
  const place = new SharedArrayBuffer(4);
  const at = new Int32Array(place);
  const job: Job = { name, from, to, seed, place };
  const worker = new Worker(new URL('./fuzz/worker.ts', import.meta.url), {
    workerData: job,
    execArgv: ['--import', HOOKS],
  });
  return new Promise((resolve) => {
    let [index, since] = [-1, processorMilliseconds()];
    const lost = (why: string): void => {
      clearInterval(watch);
      const stuck = Math.max(from, Atomics.load(at, 0));
      resolve({
        values: 0,
        errors: stuck - from,
        slowest: 0,
        finds: [{ index: stuck, why }],
        next: stuck + 1,
      });
    };
    const watch = setInterval(() => {
      const now = Atomics.load(at, 0);
      if (now !== index) [index, since] = [now, processorMilliseconds()];
      else if (processorMilliseconds() - since > HANG_MILLISECONDS) {
        lost(`hangs: more than ${HANG_MILLISECONDS / 1000} s of processor time`);
        void worker.terminate();
      }
    }, LOOK_MILLISECONDS);
    worker.on('message', (ended: Ended) => {
      clearInterval(watch);
      resolve({ ...ended, next: to });
    });
    worker.on('error', (error) => lost(`ended the worker: ${error.stack ?? error.message}`));
  });
}

function keep(target: Target, seed: number, { index, why }: Find): void {
  const folder = `${FOUND}${target.name.replace(/\W+/g, '-')}-${index}/`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}why.txt`, `${why}\n`);
  for (const [name, bytes] of Object.entries(target.make(new Random(seedOf(seed, target.name, index)))))
    writeFileSync(folder + name, bytes);
  console.error(
    `${target.name}, input ${index}: ${why.split('\n').slice(0, 4).join('\n  ')}\n  kept in ${folder}`,
  );
}

await campaign('fuzz', async ({ seed, share }) => {
  const rows: Row[] = [];
  for (const target of targets) {
    const count = Math.ceil(target.count * share);
    let [values, errors, slowest, failed] = [0, 0, 0, 0];
    for (let from = 0; from < count;) {
      const ended = await runBatch(target.name, from, Math.min(count, from + BATCH), seed);
      values += ended.values;
      errors += ended.errors;
      slowest = Math.max(slowest, ended.slowest);
      for (const find of ended.finds) if (failed++ < MAX_KEPT) keep(target, seed, find);
      from = ended.next;
    }
    const note = `${values.toLocaleString('en')} read, ${errors.toLocaleString('en')} refused, slowest ${Math.round(slowest)} ms`;
    console.error(`${target.name}: ${count.toLocaleString('en')} inputs, ${note}, ${failed} finds`);
    rows.push({ what: target.name, tried: count, failed, note });
  }
  return [
    ...rows,
    {
      what: 'all',
      tried: rows.reduce((sum, { tried }) => sum + tried, 0),
      failed: rows.reduce((sum, { failed }) => sum + failed, 0),
    },
  ];
});
