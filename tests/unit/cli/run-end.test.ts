/** What the command says of a run at its end, on curves of real runs of the bundled model. */
import { expect, test } from 'vitest';
import type { LoggedStep } from '../../../src/cli/metrics-log.ts';
import { describeEnd, type EndedRun } from '../../../src/cli/run-end.ts';

const points = (losses: readonly number[]): LoggedStep[] =>
  losses.map((loss, i) => ({ step: i + 1, loss, seconds: 0.1, report: { loss } }));
const told = (losses: readonly number[], more: Partial<EndedRun> = {}): string[] =>
  describeEnd({ steps: losses.length, points: points(losses), evals: [], start: 'base', ...more });

/** 30 steps with the usual rate of 1e-3, a third of what this model needs. */
const SHORT = [
  ...[6.84, 6.53, 6.4, 6.23, 6.26, 6.01, 6.34, 5.83, 5.78, 4.62, 5.46, 5.11, 4.65, 4.85, 4.17],
  ...[3.89, 4.1, 3.51, 3.83, 3.6, 3.56, 3.38, 3.22, 3.05, 3.43, 3.29, 2.99, 3.35, 3.02, 3.15],
];

test('the loss is a mean, and a run whose schedule ended before it settled is not called settled', () => {
  expect(told(SHORT)).toEqual([
    'Loss 6.45 → 3.14 in training, smoothed, in 3.0 s',
    'Still falling. The smoothed training loss came from 6.45 to 3.14, and the second half of the steps still took it from 4.53 to 3.14: it ended before it settled. More steps would help: try twice as many. Keep some rows for validation to see whether it overfits.',
  ]);
});

test('validation is quoted where it was measured before the first step', () => {
  const evals = [
    { step: 0, loss: 6.586 },
    { step: 30, loss: 2.864 },
  ];
  expect(told(SHORT, { evals })).toEqual([
    'Loss 6.59 → 2.86 on validation rows, in 3.0 s',
    expect.stringMatching(
      /^Still falling\. The validation loss came from 6\.59 to 2\.86, and the second half/,
    ),
  ]);
  // A run that an earlier version began has no such number.
  expect(told(SHORT, { evals: evals.slice(1) })[0]).toContain('in training, smoothed');
});

test('a run that got worse says so, and against what', () => {
  const evals = [
    { step: 0, loss: 4.8 },
    { step: 15, loss: 5.2 },
    { step: 30, loss: 5.66 },
  ];
  expect(told(SHORT, { evals })[1]).toMatch(
    /^Worse than the base\. Validation started at 4\.80 with the base model/,
  );
  expect(told(SHORT, { evals, start: 'adapter' })[1]).toMatch(
    /^Worse than its start\. Validation started at 4\.80 with the adapter that it continues/,
  );
});

test('one step has one loss, rewards have no loss, and a log without its first step gives nothing', () => {
  expect(told([5.8442])).toEqual([
    'Loss 5.8442 at step 1, in 0.1 s',
    'Too short to tell. One step says too little about the trend of the loss. Train for more steps before you judge these settings.',
  ]);
  const rewarded = points([0, 0]).map((point, i) => ({ ...point, reward: i / 4, report: { reward: i / 4 } }));
  expect(describeEnd({ steps: 2, points: rewarded, evals: [], start: 'base' })[0]).toBe(
    'Reward 0.000 → 0.250, in 0.2 s',
  );
  expect(describeEnd({ steps: 2, points: points([3, 2]).slice(1), evals: [], start: 'base' })).toEqual([]);
});
