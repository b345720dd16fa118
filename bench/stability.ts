/**
 * Leaks over hours of work, in short: training, switching adapters, loading and dropping a model, many times, with GPU memory and JavaScript heap
 * after each round. Both should stay at their size after the second round.
 *
 *   node --expose-gc --import tsx --loader ./bin/wgsl-loader.mjs bench/stability.ts [model folder] [rounds] [adapter name]
 */
import { openDawn } from '../src/cli/dawn.ts';
import { folder } from '../src/cli/files.ts';
import { formatBytes } from '../src/cli/output.ts';
import { reloadInRounds, switchInRounds, trainInRounds, type Footprint } from '../src/evaluate/stability.ts';
import { LanguageModel } from '../src/model/language-model.ts';

const [path = 'public/models/sprig', rounds = '20', adapter] = process.argv.slice(2);
const STEPS = 50;
const SWITCHES = 15;

async function heap(): Promise<number> {
  if (!globalThis.gc) throw new Error('Run node with --expose-gc');
  for (let i = 0; i < 3; i++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return process.memoryUsage().heapUsed;
}

function report(what: string, footprints: readonly Footprint[]): void {
  const { rss } = process.memoryUsage();
  console.log(`${what}; the process holds ${formatBytes(rss)}`);
  footprints.forEach(({ gpuBytes, heapBytes }, round) =>
    console.log(`  round ${round + 1}: GPU ${gpuBytes} bytes, heap ${formatBytes(heapBytes)}`),
  );
}

const device = await openDawn(adapter);
const load = (): Promise<LanguageModel> => LanguageModel.load(device, folder(path));
const model = await load();
const count = Number(rounds);
report(
  `${count} rounds of ${STEPS} training steps`,
  await trainInRounds(model, { rounds: count, steps: STEPS }, heap),
);
report(
  `${count} rounds of ${SWITCHES} switches of adapters`,
  await switchInRounds(model, { rounds: count, switches: SWITCHES }, heap),
);
await model.destroy();
report(`${count} times loaded and dropped`, await reloadInRounds(device, count, load, heap));
process.exit(0);
