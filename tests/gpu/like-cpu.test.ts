/**
 * Forward, backward and update of every learner and every objective on a software GPU, against the CPU engine, with the memory that is planned. Curves, states and
 * exports of each are proven on the CPU engine (`describeOnCpu` in tests/engine).
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LEARNERS } from '../../src/adapters/learners.ts';
import { openProcessor } from '../../src/cli/cpu.ts';
import type { Device } from '../../src/engine/device.ts';
import type { CpuDevice } from '../../src/engine/cpu/device.ts';
import { compareDevices } from '../../src/evaluate/self-test.ts';
import type { LabelledTokens } from '../../src/model/batch.ts';
import { OBJECTIVES } from '../../src/objectives/registry.ts';
import { Random } from '../../src/random.ts';
import { specOf } from '../../src/settings/spec.ts';
import { describeDevice } from '../engine/adapters.ts';
import { expectEqual, LENGTH, measure, tinyFolder } from '../engine/planned-run.ts';

const VOCABULARY = 290;
/** Of the rows: odd, and one longer than a tile. */
const LENGTHS = [7, 17, 29, 12];
const TOLERANCE = 1e-3;
/** Kinds that begin with vectors of a decomposition, which may be turned within their space: losses and norms of gradients stay the same. */
const TURNED: readonly unknown[] = ['pissa', 'eva'];

const random = new Random(5);
const idsOf = (length: number): number[] => Array.from({ length }, () => random.below(VOCABULARY));
/** The second half of the tokens is learned. */
const half = (ids: readonly number[]): number[] => ids.map((id, t) => (t < ids.length / 2 ? -100 : id));

const ROWS: Readonly<Record<'answers' | 'pairs' | 'unpaired', LabelledTokens[]>> = {
  answers: LENGTHS.map(idsOf).map((ids) => ({ ids, labels: half(ids) })),
  pairs: LENGTHS.map((length) => {
    const [one, other] = [idsOf(length), idsOf(length + 2)];
    return { ids: [...one, ...other], labels: [...half(one), ...half(other)], starts: [length] };
  }),
  unpaired: LENGTHS.map(idsOf).map((ids, i) => ({ ids, labels: half(ids), desirable: i % 2 === 0 })),
};

describeDevice(
  'Two steps as on the CPU engine',
  (context) => {
    let processor: CpuDevice;
    beforeAll(async () => {
      processor = await openProcessor({ threads: 1 });
    });
    afterAll(() => processor.close());

    /** The second step computes with what the first one changed. */
    async function expectAlike(
      name: string,
      settings: Readonly<Record<string, unknown>>,
      rows: keyof typeof ROWS = 'answers',
    ): Promise<void> {
      const options = specOf({
        // The update is in proportion to the gradient, so that rounding decides no direction.
        ...{ optimiser: 'sgd', lr: 0.05, steps: 2, batch: 2, warmup: 0, maxLength: LENGTH },
        ...settings,
      });
      const run = async (device: Device): Promise<ReadonlyMap<string, ArrayLike<number>>> => {
        const measured = await measure({ device }, tinyFolder(), options, { rows: () => ROWS[rows] });
        expectEqual(measured);
        return new Map<string, ArrayLike<number>>([
          ...(TURNED.includes(options.method) ? [] : measured.values),
          ['losses', measured.told.map(({ loss }) => loss)],
          ['norms', measured.told.map(({ gradNorm }) => gradNorm)],
        ]);
      };
      const [result] = await compareDevices(context.gpu, processor, [{ name, tolerance: TOLERANCE, run }]);
      expect(result, JSON.stringify(result)).toMatchObject({ agrees: true });
    }

    test.each(LEARNERS.map(({ name }) => name))('trains by %s', (method) =>
      // The ranks of EVA are not shared, which is planned to the byte.
      expectAlike(method, { method, ...(method === 'eva' && { evaRho: 1 }) }),
    );

    test.each([
      ['embedding and head next to an adapter', { method: 'lora', modulesToSave: 'both' }],
      ['new tokens', { method: 'lora', addTokens: ['<|a|>', '<|b|>'] }],
      ['B faster than A', { method: 'lora', rateRatio: 4 }],
      ['the last layer', { method: 'full', lastLayers: 1 }],
      ['norms of all weights', { method: 'full', trainWeights: 'norms' }],
      ['matrices by Muon', { method: 'lora', optimiser: 'muon', momentum: 0.95, lr: 1e-3 }],
    ])('trains %s', (name, settings) => expectAlike(name, settings));

    test.each(
      OBJECTIVES.flatMap(({ name, rows }) =>
        rows === 'pairs' || rows === 'unpaired' ? [[name, rows] as const] : [],
      ),
    )('trains for %s', (objective, rows) => expectAlike(objective, { objective, method: 'lora' }, rows));

    test('keeps only the inputs of layers, and accumulates', () =>
      expectAlike('checkpointing', { method: 'dora', checkpointing: true, accumulate: 2, batch: 1 }));
  },
  { own: true },
);
