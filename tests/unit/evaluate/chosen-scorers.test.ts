/** Scorers that were chosen for an evaluation: in its record, added to it afterwards, and their intervals. */
import { expect, test } from 'vitest';
import { addScorers } from '../../../src/evaluate/add-scorers.ts';
import { bootstrap } from '../../../src/evaluate/bootstrap.ts';
import { chosenIn, metricsOf, scorersOf } from '../../../src/evaluate/columns.ts';
import { intervalsOf } from '../../../src/evaluate/intervals.ts';
import { recordOf, type Evaluation, type LossReport } from '../../../src/evaluate/record.ts';
import { evaluationFile, readEvaluation } from '../../../src/evaluate/record-file.ts';
import { metricsReport } from '../../../src/evaluate/report.ts';
import { chosenScorers } from '../../../src/evaluate/score-answers.ts';
import { sideOf } from '../../../src/evaluate/sides.ts';
import { isAnswerScorer, NAMED_SCORERS, scorerNamed } from '../../../src/scorers/lists.ts';
import type { AnswerScorer } from '../../../src/scorers/scorer.ts';
import { answerScores } from '../../../src/scorers/scores.ts';
import { exactMatch } from '../../../src/scorers/exact-match.ts';
import { loss } from '../../../src/scorers/loss.ts';
import { tokenAccuracy } from '../../../src/scorers/token-accuracy.ts';

const ROWS = ['{"a": 1}', '{"a": 2}', 'plain words', '東京'];
const ANSWERS = ['{"a": 1}', '{"a": 1, "b": 2}', 'words', 'Kyoto'];

const scorers = (...names: string[]): AnswerScorer[] =>
  names.map((name) => {
    const scorer = scorerNamed(name);
    if (!scorer || !isAnswerScorer(scorer)) throw new Error(`There is no scorer ${name} of answers`);
    return scorer;
  });

const tokenizer = { encode: (text: string) => [...text].map((_, at) => at) };
const asked = ROWS.map((expected) => ({ question: { prompt: 'Say it', ask: 'Say it', expected } }));
const answers = ANSWERS.map((text) => ({ text }));

async function measured(...names: string[]): Promise<Evaluation> {
  const chosen = chosenScorers(scorers(...names), tokenizer, { isPrompts: false });
  const { scores } = await chosen.score(asked, answers);
  const rows = ROWS.map((expected, at) => ({ expected, answer: ANSWERS[at] }));
  const all = { [exactMatch.name]: answerScores(exactMatch, rows), ...scores };
  return recordOf(
    { time: 0, model: { name: 'sprig', bundled: false }, draw: { seed: 42, of: 4, tooLong: 0 } },
    ROWS.map((expected) => ({ prompt: 'Say it', expected })),
    [{ subject: { method: 'base', label: 'Base model' }, answers, scores: all }],
    Object.keys(all).map((name) => ({ name })),
  );
}

test('a record holds what was chosen, null for a row that a scorer cannot compare, and its file opens again', async () => {
  const record = await measured('json-fields', 'macro-f1', 'rouge-l');
  expect(record.scorers.map(({ name }) => name)).toEqual([
    'exact-match',
    'json-fields',
    'macro-f1',
    'rouge-l',
  ]);
  expect(record.scores.map(([[, fields]]) => fields)).toEqual([1, 0, null, null]);
  expect(record.scores.map(([[, , , rouge]]) => rouge)).toEqual([1, expect.any(Number), 2 / 3, null]);
  expect(chosenIn(record)).toEqual(['macro-f1', 'json-fields']);
  expect(readEvaluation(evaluationFile(record), 'evaluation.json')).toEqual(record);
});

test('a scorer that can score no row says why', async () => {
  const { failed, scores } = await chosenScorers(scorers('json-fields'), tokenizer, {
    isPrompts: false,
  }).score([{ question: { prompt: 'Say it', ask: 'Say it', expected: 'no JSON' } }], [{ text: '{}' }]);
  expect(scores).toEqual({ 'json-fields': [null] });
  expect(failed).toEqual([{ name: 'Fields of JSON', reason: 'the reference is not JSON.' }]);
});

test('prompts without an answer have only what needs none', async () => {
  const chosen = chosenScorers(NAMED_SCORERS, tokenizer, { isPrompts: true });
  expect(chosen.scorers.map(({ name }) => name)).toEqual([
    'valid-json',
    'repetition',
    'length',
    'format-tags',
  ]);
  const { scores } = await chosen.score(
    [{ question: { prompt: 'Say it', ask: 'Say it', expected: '' } }],
    [{ text: '[1]' }],
  );
  expect(scores).toEqual({ 'valid-json': [1], repetition: [0], length: [0], 'format-tags': [0] });
});

test('metrics that compare texts are added to a record with the numbers that a measurement has', async () => {
  const record = await measured();
  const names = ['bleu', 'macro-f1', 'rouge1', 'exact-match', 'valid-json'];
  const added = addScorers(record, names);
  expect(added.scorers.map(({ name }) => name)).toEqual(['exact-match', 'macro-f1', 'rouge1', 'bleu']);
  const whole = await measured('macro-f1', 'rouge1', 'bleu');
  expect(added).toEqual(whole);
  expect(addScorers(added, names)).toBe(added);
});

test('token accuracy is read from the loss, in a new record and in a kept one that has it', async () => {
  const { scorers: used, score } = chosenScorers([tokenAccuracy, loss], tokenizer, { isPrompts: false });
  expect(used).toEqual([{ name: 'token-accuracy' }]);
  expect(await score(asked, answers)).toEqual({ scores: {}, failed: [] });
  const plain = await measured();
  const withLoss = (report: LossReport): Evaluation => ({
    ...plain,
    subjects: [{ ...plain.subjects[0], loss: report }],
  });
  const report = { loss: 1, perplexity: Math.E, supervisedTokens: 40, rows: 4 };
  const old = withLoss(report);
  expect(addScorers(old, [tokenAccuracy.name])).toBe(old);
  expect(metricsOf(sideOf(old, 0), [tokenAccuracy])).toEqual({});
  const added = addScorers(withLoss({ ...report, rightTokens: 30 }), [tokenAccuracy.name, 'bleu']);
  expect(chosenIn(added)).toEqual(['token-accuracy', 'bleu']);
  expect(metricsOf(sideOf(added, 0), [tokenAccuracy])).toEqual({ 'token-accuracy': { value: 0.75 } });
  expect(readEvaluation(evaluationFile(added), 'evaluation.json')).toEqual(added);
});

test('a mean has the interval of the bootstrap over its rows, and a share the one of Wilson', async () => {
  const record = await measured('token-f1');
  const side = sideOf(record, 0);
  const all = scorersOf(record);
  const scores = metricsOf(side, all);
  const intervals = intervalsOf(side, scores, all);
  expect(intervals['exact-match']).toEqual(scores['exact-match']?.share?.interval);
  const each = record.scores.map(([[, f1]]) => f1!);
  const [wanted] = bootstrap(
    4,
    42,
    [(sample) => Array.from(sample).reduce((sum, at) => sum + each[at], 0) / sample.length],
    { most: 1_000 },
  );
  expect(intervals['token-f1'][0]).toBeCloseTo(wanted![0], 12);
  expect(intervals['token-f1'][1]).toBeCloseTo(wanted![1], 12);
  expect(scores['token-f1']!.value).toBeGreaterThanOrEqual(intervals['token-f1'][0]);
  expect(scores['token-f1']!.value).toBeLessThanOrEqual(intervals['token-f1'][1]);
});

test('a score of all rows has the interval of that score, and a report has it in the unit of its implementation', async () => {
  const record = await measured('chrf');
  const side = sideOf(record, 0);
  const all = scorersOf(record);
  const scores = metricsOf(side, all);
  const intervals = intervalsOf(side, scores, all);
  const { value } = scores['chrf']!;
  expect(intervals['chrf'][0]).toBeLessThan(value);
  expect(intervals['chrf'][1]).toBeGreaterThan(value);
  const report = metricsReport(scores, all, intervals);
  expect(report.metrics['chrf']).toBeCloseTo(100 * value, 12);
  expect(report.intervals['chrf'][1]).toBeCloseTo(100 * intervals['chrf'][1], 12);
});
