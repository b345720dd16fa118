/** Contains, F1 of fields and repetition against inspect_ai, scikit-learn and the definition of seq-rep-4. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  comparePredictions,
  scorePredictionFile,
  type PredictionFile,
} from '../../../src/evaluate/score-predictions.ts';
import { contains } from '../../../src/scorers/contains.ts';
import { fieldF1 } from '../../../src/scorers/field-f1.ts';
import { NAMED_SCORERS, REWARD_SCORERS } from '../../../src/scorers/lists.ts';
import { openScorer } from '../../../src/scorers/open.ts';
import { repetition } from '../../../src/scorers/repetition.ts';
import { mostOf, passMarkOf } from '../../../src/scorers/rewards/reward.ts';
import { Sandbox } from '../../../src/scorers/sandbox/sandbox.ts';
import { rowScore } from '../../../src/scorers/scorer.ts';
import { scoresOf } from '../../../src/scorers/scores.ts';
import { attempt, scoresOf as rewardsOf } from './attempt.ts';

const path = fileURLToPath(new URL('../../reference/metrics/answers.json', import.meta.url));
const made = JSON.parse(readFileSync(path, 'utf8')) as {
  contains: { answer: string; expected: string; includes: boolean }[];
  fields: { rows: { answer: string; expected: string; f1: number }[]; micro: number };
  repetition: { answer: string; share: number }[];
};

const fileOf = (answers: readonly string[], reference: string): PredictionFile => ({
  name: 'p.jsonl',
  rows: answers.map((output, at) => ({ output, references: [reference], line: at + 1 })),
});

describe('contains', () => {
  test.each(made.contains)('$answer for $expected', ({ answer, expected, includes }) => {
    expect(rowScore(contains, answer, expected)).toBe(Number(includes));
  });

  test('white space at the ends does not count, and an empty reference has no score', async () => {
    expect(rowScore(contains, 'in Paris', ' Paris\n')).toBe(1);
    expect(rowScore(contains, 'anything', ' ')).toBeUndefined();
    expect(await rewardsOf({ name: 'contains' }, ['In PARIS.', 'In Oslo.'], 'Paris')).toEqual([1, 0]);
  });
});

describe('F1 of fields', () => {
  test.each(made.fields.rows)('$answer for $expected', ({ answer, expected, f1 }) => {
    expect(rowScore(fieldF1, answer, expected)).toBeCloseTo(f1, 12);
  });

  test('over all rows the pairs are counted together, which is not the mean of the rows', () => {
    const { rows, micro } = made.fields;
    expect(scoresOf(rows, [fieldF1])['field-f1']?.value).toBeCloseTo(micro, 12);
    const mean = rows.reduce((sum, row) => sum + row.f1, 0) / rows.length;
    expect(Math.abs(mean - micro)).toBeGreaterThan(0.01);
  });

  test('a value that stands twice counts twice', () => {
    // Two of three pairs are right, of four and two: 2 · 2 / (3 + 2).
    expect(rowScore(fieldF1, '{"a": [1, 1, 1]}', '{"a": [1, 1]}')).toBeCloseTo(4 / 5, 12);
  });

  test('a type is no key, and a key no type', () => {
    expect(rowScore(fieldF1, '[{"type": "PER", "text": "Ann"}]', '[{"PER": {"text": "Ann"}}]')).toBe(0);
  });

  test('with nothing to find, an empty object is right and a text is not', () => {
    expect(rowScore(fieldF1, '{}', '[]')).toBe(1);
    expect(rowScore(fieldF1, 'nothing', '[]')).toBe(0);
  });

  test('rows whose reference is not JSON have no score, and without others there is none', async () => {
    expect(rowScore(fieldF1, '{}', 'Paris')).toBeUndefined();
    const none = await scorePredictionFile(fileOf(['{"a": 1}'], 'Paris'), [fieldF1], 1);
    expect(none.scores).toEqual({ 'field-f1': null });
    const file = fileOf(['{"a": 1}', '{"a": 2}'], '{"a": 1}');
    const mixed = { ...file, rows: [...file.rows, { output: '{"b": 1}', references: ['Paris'], line: 3 }] };
    expect((await scorePredictionFile(mixed, [fieldF1], 1)).scores).toEqual({ 'field-f1': 0.5 });
  });

  test('several references: the one that fits best counts', async () => {
    const rows = [{ output: '{"a": 1}', references: ['{"a": 2}', '{"a": 1}'], line: 1 }];
    expect((await scorePredictionFile({ name: 'p.jsonl', rows }, [fieldF1], 1)).scores).toEqual({
      'field-f1': 1,
    });
  });

  test('is a metric, and no reward: the fields of single answers are one', () => {
    expect(NAMED_SCORERS).toContain(fieldF1);
    expect(REWARD_SCORERS).not.toContain(fieldF1);
  });
});

describe('repetition', () => {
  test.each(made.repetition)('the share in $answer', async ({ answer, share }) => {
    const open = await openScorer(repetition, {}, 'repetition', new Sandbox());
    expect(await open.score(attempt(answer))).toBeCloseTo(share, 12);
  });

  test('is a penalty as a reward', async () => {
    const loop = 'ha '.repeat(20);
    expect(await rewardsOf({ name: 'repetition' }, [loop, 'one two three four'])).toEqual([-16 / 17, 0]);
    expect([mostOf([{ name: 'repetition' }]), passMarkOf([{ name: 'repetition' }])]).toEqual([0, 0]);
    expect(mostOf([{ name: 'repetition', weight: -2 }])).toBe(2);
  });

  test('less of it is better if two files are compared', async () => {
    const [loops, texts] = [fileOf(['ha '.repeat(20), 'a b'], ''), fileOf(['one two three four', 'a b'], '')];
    const found = await comparePredictions(loops, texts, repetition, 1);
    expect(found).toMatchObject({ improved: 1, worsened: 0 });
    expect(found.difference).toBeCloseTo(-8 / 17, 12);
  });
});
