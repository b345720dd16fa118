/** The planner as the page uses it, without a GPU: an advice does what it promised. */
import { beforeAll, expect, test } from 'vitest';
import type { WeightChoices } from '../../../src/model/weight-types.ts';
import type { DataFile, DataOptions, RunMemory, FormSpec } from '../../../src/worker/api.ts';
import type { DataSet } from '../../../src/worker/data/data.ts';
import { planRun } from '../../../src/runs/run-memory.ts';
import type { OpenModel } from '../../../src/worker/models/model.ts';
import { failureOf } from '../../../src/worker/outcome.ts';
import { chatTokens } from '../../../src/worker/session.ts';
import { dryRun, openSprig, readRows } from '../worker/open-sprig.ts';

/** Bytes of the largest buffer. */
const LARGEST = 2 ** 20;
const DATA: DataOptions = { maxLength: 512, overlong: 'truncate-end', validation: 0.1, test: 0.1, seed: 42 };
const RUN: FormSpec = {
  name: 'Run 1',
  steps: 20,
  batch: 8,
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
  evalEvery: 5,
  patience: 0,
  sampleEvery: 0,
  samplePrompt: '',
};

/** Prompts and answers of many lengths: a lower limit cuts the answer of some rows off, or leaves the row out. */
const chats = Array.from({ length: 60 }, (_, i) =>
  JSON.stringify({
    prompt: 'Say it. '.repeat(1 + ((i * 7) % 31)),
    completion: ' Ahoy.'.repeat(2 + (i % 40)),
  }),
);
const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const FILES = {
  chats: { name: 'chats.jsonl', bytes: utf8(chats.join('\n')) },
  document: { name: 'document.txt', bytes: utf8('Ahoy, matey! The wind is fair. '.repeat(400)) },
} satisfies Readonly<Record<string, DataFile>>;

let sprig: OpenModel;
beforeAll(async () => {
  sprig = await openSprig();
});

const opened = (largest?: number, weightChoices?: WeightChoices): OpenModel =>
  dryRun(sprig, largest, weightChoices);

const rowsOf = (file: DataFile, options = DATA): Promise<DataSet> => readRows(sprig, file, options);

const planOf = (run: FormSpec, data: DataSet, model: OpenModel): Promise<RunMemory> =>
  planRun(run, model, data, chatTokens(model.info.maxPositions));

test.each([
  ['chats', 'truncate-end', false],
  ['chats', 'truncate-prompt', true],
  ['chats', 'drop', false],
  ['document', 'truncate-end', false],
] as const)(
  'advice for a run on %s (%s, packed: %s) promises what the plan says of it',
  async (name, overlong, packing) => {
    const options = { ...DATA, overlong };
    const run = { ...RUN, batch: 20, packing };
    const { problems, advice } = await planOf(run, await rowsOf(FILES[name], options), opened(LARGEST));
    expect(problems.length).toBeGreaterThan(0);
    expect(advice.some(({ change }) => change.maxLength !== undefined)).toBe(true);
    for (const { change, baseWeights, peakBytes, fits } of advice) {
      const changed = { ...run, ...change };
      const rows = await rowsOf(FILES[name], { ...options, maxLength: changed.maxLength });
      const plan = await planOf(changed, rows, opened(LARGEST, baseWeights));
      expect(plan.peakBytes).toBe(peakBytes);
      expect(plan.problems.length === 0).toBe(fits);
    }
  },
);

test('advice for all weights counts the copy of the model that the chat keeps', async () => {
  const run = { ...RUN, method: 'full', batch: 4 } as const;
  const data = await rowsOf(FILES.chats);
  const least = await planOf({ ...run, batch: 1, accumulate: 4 }, data, opened());
  // One byte less than the smallest batch takes, and enough for it without the copy.
  const small = dryRun(sprig, undefined, undefined, least.peakBytes - 1);
  const { advice } = await planOf(run, data, small);
  expect(advice.map(({ change: { batch, maxLength } }) => [batch, maxLength])).toContainEqual([1, undefined]);
  for (const { change, fits, peakBytes } of advice) {
    const changed = { ...run, ...change };
    const rows = await rowsOf(FILES.chats, { ...DATA, maxLength: changed.maxLength });
    const plan = await planOf(changed, rows, small);
    expect(plan.peakBytes).toBe(peakBytes);
    expect(plan.problems.length === 0).toBe(fits);
  }
});

test('rows whose file is not open are not cut differently', async () => {
  const data = { ...(await rowsOf(FILES.document)), files: undefined };
  const { advice } = await planOf({ ...RUN, batch: 40 }, data, opened(LARGEST));
  expect(advice.length).toBeGreaterThan(0);
  expect(advice.every(({ change }) => change.maxLength === undefined)).toBe(true);
});

test('a run that is too large to be planned is refused with advice', async () => {
  const data = await rowsOf(FILES.chats);
  const run = { ...RUN, steps: 2, batch: 60_000 };
  const refused = failureOf(await planOf(run, data, opened()).catch((error: unknown) => error));
  expect(refused).toMatchObject({ code: 'train-tokens', advice: [{ fits: true }] });
  const [{ change, peakBytes }] = refused.advice!;
  expect((await planOf({ ...run, ...change }, data, opened())).peakBytes).toBe(peakBytes);
});

test('checkpointing is offered if it is off and saves much, with the plan with it', async () => {
  const data = await rowsOf(FILES.chats);
  const run = { ...RUN, batch: 200 };
  const { peakBytes, checkpointed } = await planOf(run, data, opened());
  expect(checkpointed!.peakBytes).toBeLessThan(0.7 * peakBytes);
  const saving = await planOf({ ...run, checkpointing: true }, data, opened());
  expect(saving.peakBytes).toBe(checkpointed!.peakBytes);
  expect(saving.checkpointed).toBeUndefined();
  expect((await planOf({ ...RUN, batch: 1 }, data, opened())).checkpointed).toBeUndefined();
});
