/** The list of metrics, on which the page, the glossary and the command rely. */
import { describe, expect, test } from 'vitest';
import { CHAPTERS } from '../../../src/app/guide/terms.ts';
import { NAMES } from '../../../src/app/guide/names.ts';
import { rowScore, type TextScorer } from '../../../src/scorers/scorer.ts';
import { USUAL_SCORERS } from '../../../src/scorers/lists.ts';
import { scoresFrom, scoresOf } from '../../../src/scorers/scores.ts';

const answerMetrics = USUAL_SCORERS.filter(
  (metric): metric is TextScorer & (typeof USUAL_SCORERS)[number] => metric.of === 'answers',
);

test('every metric has a name of its own, and an entry of the glossary under it', () => {
  const names = USUAL_SCORERS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  const terms = CHAPTERS.flatMap((chapter) => chapter.terms);
  for (const { name, entry } of USUAL_SCORERS) {
    expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
    expect(NAMES[name]).toBe(entry.title);
    expect(terms.find(({ id }) => id === name)?.what).toBe(entry.what);
  }
});

describe.each(answerMetrics.map((metric) => [metric.name, metric] as const))('%s', (_, metric) => {
  test('the expected answer is as good as it gets, and another one is not', () => {
    expect(rowScore(metric, ' Paris in the spring ', 'Paris in the spring')).toBe(1);
    expect(rowScore(metric, 'Bonn', 'Paris')).toBe(0);
    expect(rowScore(metric, '', 'Paris')).toBe(0);
  });
});

test('exact match ignores only white space at the ends, and counts rows', () => {
  const scores = scoresOf([
    { expected: 'a', answer: ' a\n' },
    { expected: 'b', answer: 'B' },
    { expected: 'c', answer: 'c' },
    { expected: 'd', answer: 'dd' },
  ]);
  expect(scores['exact-match']).toMatchObject({ value: 0.5, share: { count: 2, total: 4 } });
  // Wilson's interval of 2 in 4.
  expect(scores['exact-match']?.share?.interval.map((end) => +end.toFixed(4))).toEqual([0.15, 0.85]);
});

test('a metric without data has no score', () => {
  const nothing = { rows: [], scores: () => undefined };
  expect(scoresFrom(nothing)).toEqual({});
  const likelihood = { loss: 1, perplexity: Math.E };
  expect(scoresFrom({ ...nothing, likelihood })).toEqual({
    loss: { value: 1 },
    perplexity: { value: Math.E },
  });
  expect(scoresOf([])).toEqual({});
});
