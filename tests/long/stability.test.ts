/** Nothing is left behind: 300 training steps, 50 switches of adapters, models loaded and dropped. bench/stability.ts does more of each. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  reloadInRounds,
  switchInRounds,
  trainInRounds,
  type Footprint,
} from '../../src/evaluate/stability.ts';
import { LanguageModel } from '../../src/model/language-model.ts';
import { Adapter } from '../../src/adapters/adapter.ts';
import { adapterModules, initialTensors } from '../../src/adapters/registry.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import type { PreparedRow } from '../../src/data/prepare.ts';
import type { StepEvent } from '../../src/train/events.ts';
import type { NamedArrays } from '../../src/train/state.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { describeDevice } from '../engine/adapters.ts';
import { sprigFolder, voiceRows } from '../engine/sprig.ts';
import { defaultSpec } from '../../src/settings/spec.ts';

setFlagsFromString('--expose_gc');
const collect = runInNewContext('gc') as () => void;

/** Memory of native objects is freed a turn of the event loop after the collection that found them. */
async function heap(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return process.memoryUsage().heapUsed;
}

/** The heap varies by this much while code is compiled; a leak of a model (2.6 MB), a plan or a step's arrays is far larger. */
const HEAP_NOISE = 700_000;

/** The first round makes what is only made once. */
function expectNoGrowth([, first, ...rest]: readonly Footprint[]): void {
  expect(rest.length).toBeGreaterThan(0);
  expect(rest.map(({ gpuBytes }) => gpuBytes)).toEqual(rest.map(() => first.gpuBytes));
  const grown = rest[rest.length - 1].heapBytes - first.heapBytes;
  expect(grown, 'growth of the heap').toBeLessThan(HEAP_NOISE);
}

describeDevice('Stability', (context) => {
  const load = (): Promise<LanguageModel> =>
    LanguageModel.load(context.device, sprigFolder(), { precision: 'f32' });
  let model: LanguageModel;
  beforeAll(async () => {
    model = await load();
  });
  afterAll(() => model.destroy());

  test('300 training steps leave GPU memory and heap as they were', async () => {
    const before = context.device.allocatedBytes;
    expectNoGrowth(await trainInRounds(model, { rounds: 6, steps: 50 }, heap));
    expect(context.device.allocatedBytes).toBe(before);
  });

  test('54 switches between adapters leave GPU memory and heap as they were', async () => {
    const before = context.device.allocatedBytes;
    expectNoGrowth(await switchInRounds(model, { rounds: 6, switches: 9 }, heap));
    expect(context.device.allocatedBytes).toBe(before);
  });

  test('a model that is loaded, dropped and loaded again leaves nothing', async () => {
    const before = context.device.allocatedBytes;
    const footprints = await reloadInRounds(context.device, 5, load, heap);
    expectNoGrowth(footprints);
    expect(footprints[0].gpuBytes).toBe(before);
  });

  test('a model that is loaded and dropped while a run is paused does not disturb the run', async () => {
    const rows = voiceRows(await loadTokenizer(sprigFolder()), 6);
    const train = async (between: () => Promise<void>): Promise<[StepEvent['loss'][], NamedArrays]> => {
      const options = {
        ...defaultSpec(),
        steps: 6,
        batch: 2,
        warmup: 0,
        maxLength: 96,
        checkpointing: true,
      };
      const modules = adapterModules(model.definition, options);
      const adapter = new Adapter(context.device, modules, initialTensors(modules, 1), { trainable: true });
      const losses: number[] = [];
      const trainer = await Trainer.create({
        trainable: { model, adapter, store: adapter.store },
        options,
        rows: rows satisfies PreparedRow[],
        onEvent: (event) => event.type === 'step' && losses.push(event.loss),
      });
      await trainer.run(3);
      await between();
      await trainer.run();
      const result = await trainer.result();
      await trainer.destroy();
      adapter.destroy();
      return [losses, result];
    };
    const undisturbed = await train(async () => undefined);
    const disturbed = await train(async () => {
      const other = await load();
      await other.logits(rows[0].ids);
      // Freed memory may be reused by others, which must not affect the run.
      await other.destroy();
      await model.logits(rows[1].ids);
    });
    expect(disturbed).toEqual(undisturbed);
  });
});
