/** Metrics with settings: how they are written and named, and their numbers next to those of Python's jsonschema and re. */
import { describe, expect, test } from 'vitest';
import { scorePredictionFile } from '../../../src/evaluate/score-predictions.ts';
import {
  nameOfSpec,
  ownNamesInWords,
  readChoices,
  scorersWith,
  specInWords,
  withSettings,
} from '../../../src/scorers/chosen.ts';
import { scoreAttempts } from '../../../src/scorers/score-attempts.ts';
import type { ScorerSpec } from '../../../src/scorers/scorer-spec.ts';
import { inPrint, needsOf } from '../../../src/scorers/scorer.ts';
import { scoresFrom } from '../../../src/scorers/scores.ts';
import reference from '../../reference/metrics/schemas.json' with { type: 'json' };
import { graftError } from '../expect-graft-error.ts';
import { attempt } from './attempt.ts';

const scoresBy = async (spec: ScorerSpec, texts: readonly string[]): Promise<readonly (number | null)[]> =>
  (
    await scoreAttempts(
      withSettings(spec),
      texts.map((text) => attempt(text, { answer: 'yes' })),
    )
  ).scores;

describe('numbers', () => {
  test.each(reference.schemas)(
    'by the schema “$name” are those of jsonschema',
    async ({ schema, valid, share }) => {
      const spec = { name: 'json-schema', schema: JSON.stringify(schema) };
      expect(await scoresBy({ ...spec, whole: true }, reference.texts)).toEqual(valid.map(Number));
      const shares = await scoresBy(spec, reference.texts);
      shares.forEach((one, at) => expect(one, reference.texts[at]).toBeCloseTo(share[at], 12));
    },
  );

  test.each(reference.patterns)(
    'by the pattern $pattern are those of re',
    async ({ pattern, flags, matches }) => {
      expect(await scoresBy({ name: 'regex', pattern, flags }, reference.answers)).toEqual(
        matches.map(Number),
      );
    },
  );

  test('within a tag are those of the text scorer on its content, in the unit of its implementation', async () => {
    const metric = withSettings({ name: 'sentence-chrf', within: 'answer', as: 'inside' });
    const { scores } = await scoreAttempts(metric, [
      attempt('so <answer>yes</answer>', { answer: 'yes' }),
      attempt('yes', { answer: 'yes' }),
    ]);
    expect(scores).toEqual([1, 0]);
    expect(inPrint(metric, 1)).toBe(100);
  });
});

test('rows of 0 and 1 are counted as a share with its interval, and other numbers have a mean', () => {
  const metrics = [
    withSettings({ name: 'regex', pattern: 'a', as: 'has a' }),
    withSettings({ name: 'javascript', code: 'completion.length', as: 'size' }),
    withSettings({ name: 'javascript', code: 'completion.length > 1', as: 'long' }),
  ];
  const columns: Record<string, readonly (number | null)[]> = {
    'has a': [1, 0, 1, null],
    size: [0, 1, 2, null],
    long: [0, 0, 1, 1],
  };
  const rows = Array.from({ length: 4 }, () => ({ expected: '', answer: '' }));
  const scores = scoresFrom({ rows, scores: (name) => columns[name] }, metrics);
  expect(scores['has a']?.share).toMatchObject({ count: 2, total: 3 });
  // statsmodels: proportion_confint(2, 3, method='wilson')
  expect(scores['has a']?.share?.interval[0]).toBeCloseTo(0.207655, 5);
  expect(scores['has a']?.share?.interval[1]).toBeCloseTo(0.938511, 5);
  expect(scores['size']).toEqual({ value: 1 });
  expect(scores['long']?.share).toMatchObject({ count: 2, total: 4 });
});

test('a metric has its own name, or its settings for one', () => {
  const spec = { name: 'regex', pattern: String.raw`^\d+$`, flags: 'i', group: false };
  expect(specInWords(spec)).toBe(String.raw`regex ^\d+$ flags=i`);
  expect(nameOfSpec(spec)).toBe(String.raw`regex ^\d+$ flags=i`);
  expect(nameOfSpec({ ...spec, as: 'digits' })).toBe('digits');
  const long = { name: 'javascript', code: 'completion\n  .length < 1'.repeat(9) };
  expect(nameOfSpec(long)).toHaveLength(60);
  expect(nameOfSpec(long)).toMatch(/^javascript completion \.length < 1completion.*…$/);
  const metrics = scorersWith(['bleu', spec, { ...spec, as: 'digits' }]);
  expect(metrics.map(({ name }) => name).slice(-3)).toEqual(['bleu', nameOfSpec(spec), 'digits']);
  expect(ownNamesInWords(metrics)).toEqual([String.raw`digits: regex ^\d+$ flags=i`]);
});

test('code says what it reads, so that it is not asked where that is missing', () => {
  const needs = (code: string) => needsOf(withSettings({ name: 'javascript', code }));
  expect(needs('completion === answer')).toEqual([]);
  expect(needs('tokens < 9 && row.level > prompt.length')).toEqual(['prompt', 'tokens', 'columns']);
  expect(needs('passages.some((one) => one.includes(completion))')).toEqual(['passages']);
});

test('code that fails on an answer gives it 0, and no score at all if it fails on every one', async () => {
  const metric = withSettings({ name: 'javascript', code: 'JSON.parse(completion).a', as: 'a' });
  expect(
    await scoreAttempts(
      metric,
      ['{"a": 3}', 'no'].map((text) => attempt(text)),
    ),
  ).toEqual({
    scores: [3, 0],
    failed: { places: [1], first: expect.stringContaining('SyntaxError') as string },
  });
  expect((await scoreAttempts(metric, [attempt('no')])).scores).toEqual([null]);
});

test('choices are read once each, and a spec without settings is a name', () => {
  const digits = { name: 'regex', pattern: 'a', as: 'digits' };
  expect(readChoices(['bleu', { name: 'valid-json' }, digits, 'bleu', digits], '--metrics')).toEqual([
    'bleu',
    'valid-json',
    digits,
  ]);
  expect(readChoices([{ name: 'json-schema', schema: { type: 'object' } }], '--metrics')).toEqual([
    { name: 'json-schema', schema: '{"type":"object"}' },
  ]);
});

test.each<[unknown[], RegExp]>([
  [[{ name: 'regexx' }], /^--metrics: there is no metric "regexx"\. Did you mean regex\?/],
  [[{ name: 'bleu', as: 'b' }], /there is no metric "bleu"/],
  [
    ['bleu', { name: 'regex', pattern: '(' }],
    /^--metrics, metric 2: regex cannot be used: its pattern is not/,
  ],
  [[{ name: 'regex', pattern: 'a', weight: 2 }], /regex has no setting "weight"/],
  [[{ name: 'regex', pattern: 'a', as: 'exact-match' }], /the name “exact-match” belongs to another number/],
  [[{ name: 'regex', pattern: 'a', as: 'reward/x' }], /the name “reward\/x” belongs/],
  [[{ name: 'regex', pattern: 'a', as: 'constructor' }], /the name “constructor” belongs/],
  [[{ name: 'json-schema', schema: '{' }], /its schema is not JSON/],
  [[{ name: 'javascript', code: ' ' }], /its code is empty/],
  [
    [
      { name: 'regex', pattern: 'a', as: 'x' },
      { name: 'regex', pattern: 'b', as: 'x' },
    ],
    /two metrics have the name “x”/,
  ],
  [[1], /a metric is an object with a name/],
  [Array.from({ length: 17 }, (_, at) => ({ name: 'length', most: at })), /17 metrics have settings/],
])('%j is refused', async (given, what) => {
  expect((await graftError(() => readChoices(given, '--metrics'), 'metric')).what).toMatch(what);
});

test('an expression that gives 0 and 1 has the interval of a share in a file of predictions', async () => {
  const metric = withSettings({ name: 'javascript', code: 'row.level === "easy"', as: 'easy' });
  const rows = ['easy', 'easy', 'hard'].map((level, at) => ({
    ...{ output: 'a', references: ['a', 'b'], row: { level }, line: at + 1 },
  }));
  const found = await scorePredictionFile({ name: 'p.jsonl', rows }, [metric], 1);
  expect(found.scores).toEqual({ easy: 2 / 3 });
  expect(found.intervals['easy']![0]).toBeCloseTo(0.207655, 5);
  expect(found.rowScores).toEqual([{ easy: 1 }, { easy: 1 }, { easy: 0 }]);
});
