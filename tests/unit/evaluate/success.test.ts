/** The task card: scores as people write them, and the answer of a measurement to the one that was set. */
import { describe, expect, test } from 'vitest';
import { recordOf, type Evaluation, type Evidence, type Subject } from '../../../src/evaluate/record.ts';
import { evaluationFile, readEvaluation } from '../../../src/evaluate/record-file.ts';
import { successOfRecord } from '../../../src/evaluate/success.ts';
import { metricOfCard, readTarget, targetOf, type TaskCard } from '../../../src/evaluate/task-card.ts';

describe('a score', () => {
  test.each([
    ['9 of 10', 0.9],
    ['nine of ten', 0.9],
    ['Nine out of ten, at least', 0.9],
    ['9/10', 0.9],
    ['90%', 0.9],
    ['92,5 %', 0.925],
    ['0.9', 0.9],
    ['.9', 0.9],
    ['90', 0.9],
    ['all', 1],
    ['85 percent', 0.85],
  ])('is read from %j', (text, share) => {
    expect(readTarget(text)?.share).toBeCloseTo(share, 12);
  });

  test.each(['', 'good', '11 of 10', '0', '0%', '150%', '9 of 0', 'ten'])('is not read from %j', (text) => {
    expect(readTarget(text)).toBeUndefined();
  });

  test('is taken from the words on success of an older project', () => {
    expect(targetOf('', 'Nine of ten held-out messages get the right team.')).toMatchObject({
      words: 'Nine of ten',
      share: 0.9,
    });
    expect(targetOf('3 of 4', 'Nine of ten messages')?.share).toBe(0.75);
  });

  test('is not taken from a count of labels', () => {
    expect(targetOf('', 'It names one of 77 labels.')).toBeUndefined();
  });
});

test('each kind of task has its usual metric, and a chosen one goes before it', () => {
  expect(metricOfCard({})).toBe('exact-match');
  expect(metricOfCard({ kind: 'extraction' })).toBe('json-fields');
  expect(metricOfCard({ kind: 'extraction', metric: 'valid-json' })).toBe('valid-json');
});

/** A record of rows that a method gets right from the first one on. */
function recordWith(rows: number, right: Readonly<Record<string, number>>): Evaluation {
  const items = Array.from({ length: rows }, (_, row) => ({ row, prompt: `Ask ${row}`, expected: 'yes' }));
  return recordOf(
    { time: 0, model: { name: 'm', bundled: false } },
    items,
    Object.entries(right).map(([method, count]) => {
      const is = items.map((_, at) => Number(at < count));
      const subject: Subject = {
        method,
        label: method,
        ...(method === 'adapter' && { adapter: { name: 'a', folder: 'a' } }),
      };
      return {
        subject,
        answers: is.map((one): Evidence => ({ text: one ? 'yes' : 'no' })),
        scores: { 'exact-match': is },
      };
    }),
    [{ name: 'exact-match' }],
  );
}
const card = (target: string, more: Partial<TaskCard> = {}): TaskCard => ({
  goal: 'Answer',
  target,
  ...more,
});
const said = (record: Evaluation, of: TaskCard): string =>
  successOfRecord(record, { card: of })?.sentence ?? '';

describe('an answer to the card', () => {
  test('says what was set, what the adapter gets, and that it is not reached', () => {
    expect(said(recordWith(60, { base: 5, adapter: 41 }), card('9 of 10'))).toBe(
      'Success was set at 9 of 10 (exactly right): the adapter gets 41 of 60, 95% interval 56% to 79%: not reached.',
    );
  });

  test('says that few rows do not settle it', () => {
    const reached = successOfRecord(recordWith(20, { base: 5, adapter: 19 }), { card: card('90%') });
    expect(reached).toMatchObject({ state: 'unsure', target: 0.9, value: 0.95 });
    expect(reached?.sentence).toContain('the interval starts below it');
    const missed = successOfRecord(recordWith(20, { base: 5, adapter: 17 }), { card: card('90%') });
    expect(missed?.sentence).toMatch(/not reached, though so few rows do not rule it out\.$/);
  });

  test('names a method that reaches it without training', () => {
    expect(said(recordWith(100, { nearest: 100, base: 5, adapter: 99 }), card('75%'))).toMatch(
      /: reached\. The nearest row reaches it without training: it gets 100 of 100\.$/,
    );
  });

  test('is given by the best method before anything is tuned', () => {
    expect(said(recordWith(40, { nearest: 30, base: 3 }), card('half of ten, or 50%'))).toContain(
      'the nearest row gets 30 of 40',
    );
  });

  test('counts a score that ends at 100 in its own unit', () => {
    expect(said(recordWith(40, { base: 40 }), card('60%', { metric: 'chrf' }))).toContain(
      'Success was set at 60% (',
    );
    expect(said(recordWith(40, { base: 40 }), card('60%', { metric: 'chrf' }))).toContain(', 60 of 100: ');
  });

  test('is missing without a score, and for a metric that the record cannot have', () => {
    const record = recordWith(20, { base: 3 });
    expect(successOfRecord(record, { card: card('') })).toBeUndefined();
    expect(successOfRecord(record, { card: card('90%', { metric: 'pairs-in-order' }) })).toBeUndefined();
    expect(successOfRecord(record)).toBeUndefined();
  });
});

test('a saved record keeps its card, and opens with a kind of a newer version', () => {
  const record = recordWith(20, { base: 3 });
  const made = { ...record.made, task: card('9 of 10', { kind: 'labels' }) };
  const text = evaluationFile({ ...record, made });
  expect(readEvaluation(text, 'a.json').made.task).toEqual(made.task);
  const newer = readEvaluation(text.replace('"labels"', '"singing"'), 'a.json');
  expect(newer.made.task).toEqual({ goal: 'Answer', target: '9 of 10' });
});
