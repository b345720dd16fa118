/** Runs one target's inputs, one after the other, and writes its position to memory shared with the watchdog. */
import { parentPort, workerData } from 'node:worker_threads';
import { GraftError } from '../../../src/errors.ts';
import { Random } from '../../../src/random.ts';
import { targets } from './targets.ts';
import { seedOf, type Ended, type Job } from './job.ts';

/** Processor time that one input may take; real files of a thousand times its size take less. */
const MAX_MILLISECONDS = 3_000;
/** Memory of the process at its largest. */
const MAX_BYTES = 1536 * 2 ** 20;
/** A message is for people. */
const MAX_CHARS = 1500;

const { name, from, to, seed, place } = workerData as Job;
const at = new Int32Array(place);
const target = targets.find((each) => each.name === name)!;
const ended: Ended = { values: 0, errors: 0, slowest: 0, finds: [] };

function milliseconds(): number {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  return (userCPUTime + systemCPUTime) / 1000;
}

/** The fault of an error that a person would see. */
function fault(error: unknown): string | undefined {
  if (!(error instanceof GraftError))
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (!/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(error.code)) return `a GraftError with the code ${error.code}`;
  if (error.what.length < 8 || error.message.length > MAX_CHARS)
    return `a message of ${error.message.length} characters: ${error.message.slice(0, 200)}`;
  return undefined;
}

process.on('unhandledRejection', (error) => {
  ended.finds.push({ index: at[0], why: `not awaited: ${fault(error) ?? String(error)}` });
});
let before = milliseconds();
let mostBytes = MAX_BYTES;
for (let index = from; index < to; index++) {
  Atomics.store(at, 0, index);
  const input = target.make(new Random(seedOf(seed, name, index)));
  try {
    await target.run(input);
    ended.values++;
  } catch (error) {
    const why = fault(error);
    if (why === undefined) ended.errors++;
    else ended.finds.push({ index, why });
  }
  const after = milliseconds();
  ended.slowest = Math.max(ended.slowest, after - before);
  if (after - before > MAX_MILLISECONDS)
    ended.finds.push({ index, why: `took ${Math.round(after - before)} ms of processor time` });
  before = after;
  const bytes = process.resourceUsage().maxRSS * 1024;
  if (bytes > mostBytes) {
    ended.finds.push({ index, why: `the process grew to ${Math.round(bytes / 2 ** 20)} MiB` });
    mostBytes = bytes * 1.2;
  }
}
parentPort!.postMessage(ended);
