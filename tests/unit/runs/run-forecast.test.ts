/** The time of a run, from measured speeds: every number is computed from the run's own plans. */
import { beforeAll, describe, expect, test } from 'vitest';
import { runBuckets } from '../../../src/train/step-kinds.ts';
import { planMemory } from '../../../src/train/memory-plan.ts';
import { validationRows } from '../../../src/train/order.ts';
import { runWork, stepWork, type PlanWork } from '../../../src/train/run-work.ts';
import type { DataOptions, FormSpec, RunTime, Shortening } from '../../../src/worker/api.ts';
import { rowsOf, type DataSet } from '../../../src/worker/data/data.ts';
import type { OpenModel } from '../../../src/worker/models/model.ts';
import { forecastRuns, shortenRun, workOf, type Speeds } from '../../../src/runs/run-forecast.ts';
import { medianSpeed, speedLike, withMeasured } from '../../../src/runs/step-speeds.ts';
import { dryRun, openSprig, readRows } from '../worker/open-sprig.ts';
import { specOf } from '../../../src/settings/spec.ts';

const DATA: DataOptions = { maxLength: 512, overlong: 'truncate-end', validation: 0.2, test: 0, seed: 42 };
const RUN: FormSpec = {
  name: 'Run 1',
  steps: 40,
  batch: 4,
  accumulate: 1,
  maxLength: 512,
  lr: 1e-3,
  schedule: 'cosine',
  warmup: 2,
  weightDecay: 0,
  clip: 1,
  rank: 8,
  alpha: 16,
  dropout: 0,
  rsLora: false,
  targets: ['q_proj', 'v_proj'],
  rateRatio: 1,
  seed: 42,
  packing: false,
  shuffle: true,
  rankPattern: {},
  alphaPattern: {},
  checkpointing: false,
  evalEvery: 10,
  patience: 0,
  sampleEvery: 0,
  samplePrompt: 'Ahoy?',
};
/** Floating-point operations a second: slow, so that times are long. */
const SLOW = 1e6;
const TEST: Speeds = { test: { flops: SLOW, answerFlops: SLOW, measured: 0 } };

let open: OpenModel;
let data: DataSet;
beforeAll(async () => {
  const sprig = await openSprig();
  open = dryRun({ ...sprig, info: { ...sprig.info, parameters: 1_300_000 } });
  const rows = Array.from({ length: 60 }, (_, i) =>
    JSON.stringify({
      prompt: 'Say it. '.repeat(1 + ((i * 7) % 31)),
      completion: ' Ahoy.'.repeat(2 + (i % 40)),
    }),
  );
  data = await readRows(
    open,
    { name: 'chats.jsonl', bytes: new TextEncoder().encode(rows.join('\n')) },
    DATA,
  );
});

async function timeOf(change: Partial<FormSpec> = {}, speeds = TEST): Promise<RunTime> {
  const [time] = await forecastRuns([{ ...RUN, ...change }], open, data, speeds);
  return time!;
}

describe('the work of a run', () => {
  test('is the sum over its steps of the plans that they replay', async () => {
    const options = specOf(RUN);
    const train = rowsOf(data, 'train');
    const held = validationRows(rowsOf(data, 'validation'));
    const buckets = runBuckets(options, train, held);
    const work = await workOf(open, options);
    const each = stepWork(options, train, buckets, work);
    const steps = Array.from({ length: RUN.steps }, (_, step) => each(step));
    const whole = runWork(options, train, held, buckets, work);
    expect(whole.steps).toBeCloseTo(
      steps.reduce((sum, flops) => sum + flops, 0),
      -3,
    );
    // Rows differ in length: steps are of as many kinds as there are buckets.
    expect(new Set(steps).size).toBe(buckets.gradients.length);
    // A forward alone is less than forward and backward of as many rows.
    expect(whole.validation).toBeLessThan((whole.steps / RUN.steps) * (held.length / RUN.batch));
    expect(whole.validation).toBeGreaterThan(0);
  });
});

test.each([
  { tokens: 96, rows: 64 },
  { tokens: 608, rows: 320 },
  { tokens: 4096, rows: 4096 },
])('the work of $tokens tokens is that of their plan', async (bucket) => {
  const options = specOf(RUN);
  const { device, definition } = open.model;
  const { gradient, update } = await workOf(open, options);
  const buckets = { gradients: [bucket], losses: [] };
  const { flops } = await planMemory(device.lowering, definition, { precision: 'f16', options, buckets });
  expect((gradient(bucket) + update) / flops).toBeCloseTo(1, 1);
});

describe('the work that was counted', () => {
  const BUCKET = { tokens: 512, rows: 64 };
  const workWith = (change: Partial<FormSpec>, on = open): Promise<PlanWork> =>
    workOf(on, specOf({ ...RUN, ...change }));
  const numbersOf = ({ gradient, loss, reference, update }: PlanWork): unknown[] => [
    ...[gradient, loss, reference].map((of) => of?.(BUCKET)),
    update,
  ];
  const ALL_WEIGHTS = { method: 'full', trainWeights: 'all' } as const;

  test.each<[string, Partial<FormSpec>, Partial<FormSpec>]>([
    ['method', {}, { method: 'ia3' }],
    ['rank', {}, { rank: 16 }],
    ['rankPattern', {}, { rankPattern: { q_proj: 32 } }],
    ['targets', {}, { targets: ['q_proj'] }],
    ['layersToTransform', {}, { layersToTransform: [0] }],
    ['dropout', {}, { dropout: 0.1 }],
    ['checkpointing', {}, { checkpointing: true }],
    ['modulesToSave', {}, { modulesToSave: 'lm_head' }],
    ['optimiser', {}, { optimiser: 'muon' }],
    ['objective', {}, { objective: 'dpo' }],
    ['virtualTokens', { method: 'prompt' }, { method: 'prompt', virtualTokens: 40 }],
    ['trainWeights', ALL_WEIGHTS, { ...ALL_WEIGHTS, trainWeights: 'norms' }],
    ['lastLayers', ALL_WEIGHTS, { ...ALL_WEIGHTS, lastLayers: 2 }],
  ])('is not that of another %s', async (_, before, after) => {
    const first = numbersOf(await workWith(before));
    const second = numbersOf(await workWith(after));
    // What was counted for no other run on this model.
    const alone = { ...open, model: { ...open.model } } as OpenModel;
    expect(second).toEqual(numbersOf(await workWith(after, alone)));
    expect(second).not.toEqual(first);
  });

  test.each(['lora', 'pissa', 'eva', 'loha', 'full'] as const)(
    'stands for all settings that change no plan: %s',
    async (method) => {
      const work = await workWith({ method });
      const same = { method, lr: 1e-2, steps: 7, batch: 2, maxLength: 64, evalEvery: 0, packing: true };
      expect(await workWith(same)).toBe(work);
    },
  );
});

test('a run that samples takes longer with more answers, longer ones, and more updates from each', async () => {
  const sampled = { objective: 'grpo', batch: 1, accumulate: 2, numGenerations: 4, maxCompletionLength: 32 };
  const usual = await timeOf(sampled);
  expect(usual.validations).toBeGreaterThan(0);
  for (const change of [
    { numGenerations: 8 },
    { maxCompletionLength: 64 },
    { numIterations: 2 },
    { beta: 0.1 },
  ])
    expect((await timeOf({ ...sampled, ...change })).steps).toBeGreaterThan(1.1 * usual.steps);
});

describe('a forecast', () => {
  test('does not exist if nothing was measured, or no rows are open', async () => {
    expect(await forecastRuns([RUN], open, data, {})).toEqual([undefined]);
    expect(await forecastRuns([RUN], open, undefined, TEST)).toEqual([undefined]);
  });

  test('has steps, validations and answers, each by its number', async () => {
    const time = await timeOf();
    expect(time.answers).toBe(0);
    expect(time.total).toBeCloseTo(time.steps + time.validations);
    // Other rows meet in other steps, and share other prefixes.
    const twice = (await timeOf({ steps: 80 })).steps / time.steps;
    expect(Math.abs(twice - 2)).toBeLessThan(0.1);
    // One before the first step, then every 10 of 40: 5. Every 7: 1 + 6, of which the last is at the end.
    expect((await timeOf({ evalEvery: 7 })).validations).toBeCloseTo((7 / 5) * time.validations);
    expect((await timeOf({ evalEvery: 0 })).validations).toBe(0);
    const answers = async (sampleEvery: number): Promise<number> => (await timeOf({ sampleEvery })).answers!;
    expect(await answers(10)).toBeCloseTo((5 / 2) * (await answers(40)));
    expect(await answers(10)).toBeCloseTo((5 * 48 * 2 * 1_300_000) / SLOW);
  });

  test('is made from steps of this model rather than from the test', async () => {
    const size = { tokens: 1024, checkpointing: false, flops: 2 * SLOW, steps: 40 };
    const time = await timeOf({}, { ...TEST, own: { sizes: [size], answer: 3 } });
    expect(time.steps).toBeCloseTo((await timeOf()).steps / 2);
    expect(time.source).toMatchObject({ kind: 'run', steps: 40 });
    expect((await timeOf({ sampleEvery: 40 }, { own: { sizes: [size], answer: 3 } })).answers).toBe(6);
    // A measurement from before answers were measured says nothing about them.
    const test = { flops: SLOW, measured: 0 };
    expect(await timeOf({ sampleEvery: 40 }, { test })).not.toHaveProperty('answers');
  });

  test('does not exist for invalid settings, and others still get theirs', async () => {
    const times = await forecastRuns([{ ...RUN, rank: 0 }, { ...RUN, warmup: 99 }, RUN], open, data, TEST);
    expect(times.map((time) => time !== undefined)).toEqual([false, false, true]);
  });
});

describe('a change that makes a run shorter', () => {
  const way = (ways: readonly Shortening[], key: keyof Shortening['change']): Shortening =>
    ways.find(({ change }) => key in change)!;

  test('is forecast like the run itself, and sorted', async () => {
    const options = { ...RUN, steps: 400, rank: 8 };
    const ways = await shortenRun(options, open, data, TEST);
    const { total } = await timeOf({ steps: 400 });
    expect(ways.map((each) => each.total)).toEqual(ways.map((each) => each.total).sort((a, b) => a - b));
    for (const key of ['steps', 'packing', 'rank', 'evalEvery'] as const) {
      const { change, total: promised } = way(ways, key);
      expect(promised, key).toBeCloseTo((await timeOf({ ...options, ...change })).total);
    }
    // One pass over 48 rows, 4 at a time.
    expect(way(ways, 'steps')).toMatchObject({
      change: { steps: 12 },
      text: expect.stringMatching(/one epoch/) as string,
    });
    // A smaller rank hardly helps: the base model's own products stay.
    expect(way(ways, 'rank').total).toBeGreaterThan(0.9 * total);
    expect(way(ways, 'maxLength').total).toBeLessThan(0.8 * total);
    expect(way(ways, 'maxLength').text).toMatch(/Truncate rows at \d+ tokens, which shortens \d+ of 48/);
  });

  test('turns off what costs time', async () => {
    const ways = await shortenRun({ ...RUN, checkpointing: true, packing: true }, open, data, TEST);
    expect(way(ways, 'checkpointing').total).toBeLessThan(
      (await timeOf({ checkpointing: true, packing: true })).total,
    );
    expect(ways.some(({ change }) => 'packing' in change)).toBe(false);
  });
});

describe('measured steps', () => {
  const size = (tokens: number, checkpointing = false, flops = 1): Parameters<typeof withMeasured>[1] => ({
    tokens,
    checkpointing,
    flops,
    steps: 9,
  });

  test('give the median speed, the first one aside', () => {
    const steps = [9, 2, 1, 1, 1, 50].map((seconds) => ({ flops: 100, seconds }));
    expect(medianSpeed(steps)).toEqual({ flops: 100, steps: 5 });
    expect(medianSpeed(steps.slice(0, 3))).toBeUndefined();
  });

  test('are kept by size, the latest first, and the most alike are taken', () => {
    let kept = withMeasured(undefined, size(256), 2);
    kept = withMeasured(kept, size(1024, false, 3));
    kept = withMeasured(kept, size(1024, true, 4));
    kept = withMeasured(kept, size(256, false, 5));
    expect(kept.sizes.map(({ flops }) => flops)).toEqual([5, 4, 3]);
    expect(kept.answer).toBe(2);
    expect(speedLike(kept, { tokens: 900, checkpointing: false })?.flops).toBe(3);
    expect(speedLike(kept, { tokens: 900, checkpointing: true })?.flops).toBe(4);
    expect(speedLike(kept, { tokens: 64, checkpointing: true })?.flops).toBe(5);
    for (let tokens = 1; tokens < 20; tokens++) kept = withMeasured(kept, size(tokens));
    expect(kept.sizes).toHaveLength(8);
  });
});
