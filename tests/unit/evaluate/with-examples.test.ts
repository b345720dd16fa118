/** The words for a run's effect on answers without and with examples. */
import { expect, test } from 'vitest';
import { byExamples, onSameRows, whyNotBehind } from '../../../src/app/baseline/methods.ts';
import { isSameReward, judge } from '../../../src/evaluate/verdict.ts';
import { examplesInWords, type ByExamples } from '../../../src/evaluate/with-examples.ts';
import { fromFewShot } from '../../../src/evaluate/earlier.ts';
import { fewIn, measuredIn, recordOfOne, type Earlier, type EarlierFew } from './earlier-shapes.ts';

const said = (alone: readonly [number, number], behind: readonly [number, number]): string => {
  const pair = ([base, tuned]: readonly [number, number]) => ({ base, tuned });
  const both: ByExamples = { of: 'reward', alone: pair(alone), shots: 2, behind: pair(behind) };
  return examplesInWords(both);
};

test('both numbers are shown, with what got worse', () => {
  expect(said([0.2, 0.9], [0.3, 0.8])).toBe(
    'The mean reward went from 0.200 to 0.900 with only the question, and from 0.300 to 0.800 with 2 examples before it. Neither got worse.',
  );
  expect(said([0.2, 0.9], [0.8, 0.3])).toContain(
    'With examples it got worse: the run broke what examples did',
  );
  expect(said([0.9, 0.2], [0.3, 0.8])).toContain('With only the question it got worse');
  expect(said([0.9, 0.2], [0.8, 0.3])).toContain('Both got worse');
  expect(said([0.5, 0.49], [0.5, 0.49])).toContain('Neither got worse.');
  expect(
    examplesInWords({
      of: 'right',
      alone: { base: 0, tuned: 0.5 },
      shots: 1,
      behind: { base: 0.25, tuned: 0.5 },
    }),
  ).toMatch(/^The share of right answers went from 0% to 50% .* from 25% to 50% with 1 example before it/);
});

const ROWS = 20;
const share = (count: number) => ({ count, total: ROWS, interval: [0, 1] as [number, number] });
const model = { name: 'sprig', bundled: true, fingerprint: 'f' };
const ADAPTER = { name: 'lists 1', id: 'a' };
const rewarded = (base: number, tuned: number): Earlier => ({
  origin: { time: 0, model, adapter: ADAPTER },
  draw: { seed: 42, of: ROWS, tooLong: 0 },
  rows: Array.from({ length: ROWS }, (_, at) => ({
    ...{ prompt: `Ask ${at}`, expected: 'hen', base: 'Who?', tuned: 'The hen.' },
  })),
  exact: { base: share(0), tuned: share(0) },
  rewards: {
    base: Array.from({ length: ROWS }, () => base),
    tuned: Array.from({ length: ROWS }, () => tuned),
  },
  rules: [],
});

test('an adapter that learned from rewards is judged by them, although no answer is that of the file', () => {
  const of = (base: number, tuned: number) => judge([measuredIn(rewarded(base, tuned), 'lists 1')]);
  const { before, number, after, winner, how } = of(0.2, 0.9);
  expect(before + number + after).toBe(
    'Tuning helped: the mean reward goes 0.200 → 0.900 from the base model, the best without tuning, to the adapter.',
  );
  expect(winner).toBe('tuned');
  expect(how).toContain('gets a higher reward on 20, a lower one on 0');
  expect(of(0.9, 0.2).winner).toBe('untuned');
  const same = of(0.5, 0.5);
  expect(same).toMatchObject({ before: expect.stringMatching(/^No gain/), winner: undefined });
});

test('it is compared with examples if it was asked with the same ones; otherwise that is missing', () => {
  const measured = rewarded(0.2, 0.9);
  const result = recordOfOne(measured);
  const report: EarlierFew = {
    origin: { time: 0, model },
    shots: [{ prompt: 'Ask', answer: 'hen' }],
    rows: measured.rows.map(({ prompt, expected }) => ({ prompt, expected, answer: 'x' })),
    exact: share(0),
    rewards: measured.rows.map(() => 0.4),
    tuned: {
      adapter: ADAPTER,
      answers: measured.rows.map(() => 'y'),
      exact: share(0),
      rewards: measured.rows.map(() => 0.1),
    },
    promptTokens: 10,
    seconds: 1,
  };
  const few = fewIn(report);
  const both = byExamples(result, few)!;
  expect(both).toMatchObject({ of: 'reward', shots: 1 });
  expect(both.behind.base).toBeCloseTo(0.4);
  expect(both.behind.tuned).toBeCloseTo(0.1);
  expect(whyNotBehind(result, few)).toBeUndefined();
  const others = { ...report, tuned: { ...report.tuned!, adapter: { name: 'lists 2', id: 'b' } } };
  expect(byExamples(result, fewIn(others))).toBeUndefined();
  expect(whyNotBehind(result, fewIn(others))).toContain('was not asked with any');
  // Rewards of another run are not compared with this one's.
  expect(onSameRows(result, fromFewShot(report))?.rewards).toEqual(report.rewards);
  expect(onSameRows(result, fromFewShot(others))?.rewards).toBeUndefined();
  // The base model with examples is the best without tuning.
  expect(judge([measuredIn(measured, 'lists 1')], few).after).toContain(
    'the base model with 1 example in its prompt',
  );
});

test('adapters that learned from other rewards are not compared by them', () => {
  const [one, other] = [rewarded(0.2, 0.5), rewarded(3, 9)];
  const isSame = (a: Earlier, b: Earlier) => isSameReward(measuredIn(a), measuredIn(b));
  expect(isSame(one, rewarded(0.2, 0.9))).toBe(true);
  expect(isSame(one, other)).toBe(false);
  // A base model that gets nothing from either does not make two rewards one.
  const named = (name: string) => ({
    ...one,
    rewards: {
      ...one.rewards!,
      each: [{ name, weight: 1, passMark: 1, base: one.rewards!.base, tuned: one.rewards!.tuned }],
    },
  });
  expect(isSame(named('number-match'), named('number-match'))).toBe(true);
  expect(isSame(named('number-match'), named('format-tags'))).toBe(false);
  const { number } = judge([measuredIn(one, 'lists 1'), measuredIn(other, 'length 1')]);
  expect(number).toBe('0.200 → 0.500');
});
