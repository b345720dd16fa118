import { expect, test } from 'vitest';
import type { StoredRun } from '../../../src/storage/records.ts';
import { summaryOf } from '../../../src/storage/summaries.ts';

const STEP = {
  lr: 1e-3,
  gradNorm: 1,
  supervisedTokens: 9,
  seconds: 1,
  tokensPerSecond: 9,
  secondsLeft: 0,
  gpuBytes: 1,
};
const run: StoredRun = {
  id: 'r1',
  projectId: 'p1',
  created: 2000,
  status: 'done',
  settings: { name: 'voice 1', steps: 3 },
  baseModel: 'sprig',
  modelFingerprint: 'f',
  bundled: true,
  dataName: 'voice.jsonl',
  command: 'graft train',
  steps: [4, 2, 1].map((loss, i) => ({ ...STEP, step: i + 1, steps: 3, loss })),
  evals: [
    { step: 0, loss: 0.5 },
    { step: 2, loss: 3 },
    { step: 3, loss: 3.5 },
  ],
  samples: [{ step: 0, text: 'Ahoy' }],
  rollout: { type: 'rollout', step: 3, prompt: 'Who?', wanted: 'Me.', rewards: ['length'], answers: [] },
};

test('a summary has what a list says of a run, and nothing of its curve', () => {
  const { steps: _, evals: __, samples: ___, rollout: ____, ...rest } = run;
  const summary = summaryOf(run);
  // What it started from counts, as for what is kept.
  expect(summary).toEqual({
    ...rest,
    step: 3,
    trainingLoss: expect.closeTo(12 / 7, 9),
    bestEval: { step: 0, loss: 0.5 },
  });
});

test('a run without a step has neither a loss nor a best validation', () => {
  const summary = summaryOf({ ...run, steps: [], evals: [{ step: 0, loss: 3 }] });
  expect(summary).toMatchObject({ step: 0 });
  expect(summary).not.toHaveProperty('trainingLoss');
  expect(summary).not.toHaveProperty('bestEval');
});
