/** What is said at the end of recorded runs: the cases of the long tests, which make them for real. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { LoggedStep } from '../../../src/cli/metrics-log.ts';
import { describeEnd } from '../../../src/cli/run-end.ts';
import type { Forgetting } from '../../../src/evaluate/forgetting.ts';
import { startOf } from '../../../src/evaluate/reading-brief.ts';
import { describeReading } from '../../../src/evaluate/reading-words.ts';
import { passMarkOf } from '../../../src/scorers/rewards/reward.ts';
import type { RewardSpec } from '../../../src/scorers/scorer-spec.ts';
import type { StoredRun } from '../../../src/storage/records.ts';
import type { Reading } from '../../../src/train/reading.ts';
import { runReading } from '../../../src/worker/runs/run-records.ts';
import { RUN_CASES, type RunCase } from '../../long/run-cases.ts';

interface Recorded {
  readonly name: string;
  readonly losses: readonly number[];
  readonly rates: readonly number[];
  readonly reports: Readonly<Record<string, readonly number[]>>;
  readonly evalBefore?: number;
  readonly evals: readonly (readonly [step: number, loss: number, accuracy: number | null])[];
  readonly unigramLoss?: number;
  readonly forgetting?: Forgetting;
}
const recorded = JSON.parse(
  readFileSync(new URL('../../fixtures/verdicts.json', import.meta.url), 'utf8'),
) as Recorded[];

function pointsOf({ losses, rates, reports, evals }: Recorded): LoggedStep[] {
  return losses.map((loss, i) => {
    const own = Object.entries(reports).map(([name, values]) => [name, values[i]] as const);
    const validated = evals.find(([step]) => step === i + 1);
    const accuracy = validated?.[2] ?? undefined;
    return {
      ...{ step: i + 1, loss, lr: rates[i], seconds: 1 },
      ...(reports['reward'] && { reward: reports['reward'][i] }),
      ...(validated && { evalLoss: validated[1] }),
      report: {
        ...Object.fromEntries(own),
        ...(accuracy !== undefined && { eval_reward_accuracy: accuracy }),
      },
    };
  });
}

const settingsOf = (flags: string): { objective?: string; rewards?: RewardSpec[] } => {
  const objective = /--objective (\S+)/.exec(flags)?.[1];
  const reward = /--reward (\S+)/.exec(flags)?.[1];
  return {
    ...(objective !== undefined && { objective }),
    ...(reward !== undefined && { rewards: [{ name: reward }] }),
  };
};

const validationsOf = ({ evalBefore, evals }: Recorded): { step: number; loss: number }[] => [
  ...(evalBefore === undefined ? [] : [{ step: 0, loss: evalBefore }]),
  ...evals.map(([step, loss]) => ({ step, loss })),
];

/** The verdict of the command. */
function verdictOf(run: Recorded, { flags, after }: Pick<RunCase, 'flags' | 'after'>): string {
  const { unigramLoss, forgetting } = run;
  const { objective, rewards } = settingsOf(flags);
  return describeEnd({
    ...{ steps: run.losses.length, points: pointsOf(run), evals: validationsOf(run) },
    start: after === undefined ? 'base' : 'adapter',
    ...(unigramLoss !== undefined && { unigramLoss }),
    ...(objective !== undefined && { objective }),
    ...(rewards !== undefined && { fullMarks: passMarkOf(rewards) }),
    ...(forgetting && { forgetting }),
  })[1];
}

/** The verdict of the page on the same run, as it is stored in a browser, with what its validations report. */
function verdictOfPage(run: Recorded, { flags, after }: Pick<RunCase, 'flags' | 'after'>): string {
  const { losses, rates, reports, unigramLoss } = run;
  const reading = runReading(
    {
      settings: { ...settingsOf(flags), steps: losses.length },
      steps: losses.map((loss, i) => ({
        ...{ step: i + 1, loss, lr: rates[i] },
        report: Object.fromEntries(Object.entries(reports).map(([name, values]) => [name, values[i]])),
      })) as unknown as StoredRun['steps'],
      evals: validationsOf(run).map(({ step, loss }) => {
        // Before the first step the model and its reference are the same.
        const accuracy =
          step > 0
            ? run.evals.find(([at]) => at === step)?.[2]
            : 'reward_accuracy' in reports
              ? 0.5
              : undefined;
        return { step, loss, ...(typeof accuracy === 'number' && { report: { reward_accuracy: accuracy } }) };
      }),
      ...(unigramLoss !== undefined && { unigramLoss }),
    },
    false,
  );
  const start = startOf(after === undefined ? {} : { start: after });
  const { name, how, advice } = describeReading(reading, false, start, run.forgetting);
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}. ${how} ${advice}`.trim();
}

describe('The verdict at the end of a run', () => {
  test.each(RUN_CASES)('describes $name as it was', ({ name, flags, after, says, never }) => {
    const run = recorded.find((one) => one.name === name)!;
    const verdict = verdictOf(run, { flags, after });
    expect(verdict).toMatch(says);
    if (never) expect(verdict).not.toMatch(never);
    expect(verdict).not.toMatch(/NaN|undefined/);
  });

  test.each(RUN_CASES)('is the same for $name on the page and by the command', (one) => {
    const run = recorded.find(({ name }) => name === one.name)!;
    expect(verdictOfPage(run, one)).toBe(verdictOf(run, one));
    // Also where the run was stopped before its first validation.
    const stopped = { ...run, evals: [] };
    expect(verdictOfPage(stopped, one)).toBe(verdictOf(stopped, one));
  });
});

test('pairs in order are not called learned and unlearned at once', () => {
  const falling: Reading = {
    ...{ kind: 'falling', step: 60, of: 'validation', before: 0.69, after: 0.1 },
    best: { step: 60, loss: 0.1 },
    late: { from: 0.2, to: 0.1, steady: false },
    order: { share: 0.95, of: 'validation' },
  };
  const ordered = describeReading(falling, false);
  expect(ordered.name).toBe('learned');
  expect(ordered.how).toMatch(/ahead in 95% of the validation pairs/);
  expect(`${ordered.how} ${ordered.advice}`).not.toMatch(/before it settled|More steps would help/);
  const half = describeReading({ ...falling, order: { share: 0.6, of: 'validation' } }, false);
  expect(half.name).toBe('still falling');
  expect(half.advice).toMatch(/More steps would help/);
  expect(`${half.how} ${half.advice}`).not.toMatch(/as good as learned/);
});

test('a run without validation that is too short to tell says that validation rows would do', () => {
  const short: Reading = { kind: 'too-short', step: 12, of: 'training' };
  expect(describeReading(short, false).advice).toBe(
    'Train for at least 20 steps, or keep some rows for validation, before you judge these settings.',
  );
  for (const other of [
    { ...short, step: 4 },
    { ...short, step: 4, of: 'validation' },
  ] as const)
    expect(describeReading(other, false).advice).not.toMatch(/rows for validation/);
});
