/** What is said at the end of recorded runs: the cases of the long tests, which make them for real. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { LoggedStep } from '../../../src/cli/metrics-log.ts';
import { describeEnd } from '../../../src/cli/run-end.ts';
import type { Forgetting } from '../../../src/evaluate/forgetting.ts';
import { passMarkOf } from '../../../src/rewards/reward.ts';
import { RUN_CASES } from '../../long/run-cases.ts';

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

describe('At the end of a run it says', () => {
  test.each(RUN_CASES)('of $name what is so', ({ name, flags, after, says, never }) => {
    const run = recorded.find((one) => one.name === name)!;
    const { unigramLoss, forgetting, evalBefore, evals } = run;
    const reward = /--reward (\S+)/.exec(flags)?.[1];
    const objective = /--objective (\S+)/.exec(flags)?.[1];
    const [, verdict] = describeEnd({
      steps: run.losses.length,
      points: pointsOf(run),
      evals: [
        ...(evalBefore === undefined ? [] : [{ step: 0, loss: evalBefore }]),
        ...evals.map(([step, loss]) => ({ step, loss })),
      ],
      start: after === undefined ? 'base' : 'adapter',
      ...(unigramLoss !== undefined && { unigramLoss }),
      ...(objective !== undefined && { objective }),
      ...(reward !== undefined && { fullMarks: passMarkOf([{ name: reward }]) }),
      ...(forgetting && { forgetting }),
    });
    expect(verdict).toMatch(says);
    if (never) expect(verdict).not.toMatch(never);
    expect(verdict).not.toMatch(/NaN|undefined/);
  });
});
