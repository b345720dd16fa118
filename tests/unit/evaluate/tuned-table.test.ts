/** Everything tuned in one table: which value is called the best, and which differences may be chance. */
import { describe, expect, test } from 'vitest';
import { marksInWords, tunedTableText } from '../../../src/cli/evaluate-table.ts';
import { scorersOf } from '../../../src/evaluate/columns.ts';
import { sideOf } from '../../../src/evaluate/sides.ts';
import { tableReport, tunedTable, type TunedTable } from '../../../src/evaluate/table-report.ts';
import { exactMatch } from '../../../src/scorers/exact-match.ts';
import { perplexity } from '../../../src/scorers/perplexity.ts';
import { tokenF1 } from '../../../src/scorers/token-f1.ts';
import { USUAL_TEXT_SCORERS } from '../../../src/scorers/lists.ts';
import { answerScores } from '../../../src/scorers/scores.ts';
import { compareScores } from '../../../src/evaluate/paired.ts';
import type { PairLikelihoods } from '../../../src/evaluate/pair-order.ts';
import { recordOf, type Subject } from '../../../src/evaluate/record.ts';
import { medianSeconds } from '../../../src/evaluate/run-took.ts';
import {
  comparedRowsInWords,
  comparesWithBase,
  generalStandings,
  leastStandings,
  pairsInWords,
  pairsOfTable,
  pairStandings,
  PART_SCORED,
  promptsOf,
  promptStandings,
  scoredRowsInWords,
  scoreStandings,
  usualMetric,
  type TunedCandidate,
} from '../../../src/evaluate/tuned-table.ts';

const ROWS = 20;

/** A line of the table. */
function line(answers: readonly string[], facts: Partial<Subject> = {}): TunedCandidate {
  const rows = answers.map((answer, at) => ({ answer, expected: expected[at] }));
  const record = recordOf(
    { time: 0, model: { name: 'sprig', bundled: true } },
    expected.slice(0, answers.length).map((text) => ({ prompt: '', expected: text })),
    [
      {
        subject: { method: 'adapter', label: 'Captain', ...facts },
        answers: answers.map((text) => ({ text })),
        scores: Object.fromEntries(USUAL_TEXT_SCORERS.map((one) => [one.name, answerScores(one, rows)])),
      },
    ],
    USUAL_TEXT_SCORERS.map(({ name }) => ({ name })),
  );
  return { side: sideOf(record, 0) };
}
const expected = Array.from({ length: ROWS }, (_, at) => `label ${at % 4}`);
/** Right on rows from `first` on, `many` of them. */
const right = (many: number, first = 0): TunedCandidate =>
  line(expected.map((text, at) => (at >= first && at < first + many ? text : 'no')));
const standingsOf = (...candidates: (TunedCandidate | undefined)[]): unknown[] =>
  scoreStandings(exactMatch, candidates).map(({ standing }) => standing);

describe('scores', () => {
  test('the best is called so only if that is unlikely by chance', () => {
    // 20 against 12: eight rows that only one gets right, p = 2 / 2⁸.
    expect(standingsOf(right(12), right(20))).toEqual(['behind', 'best']);
    // 20 against 15: five such rows, p = 0.0625.
    expect(standingsOf(right(15), right(20))).toEqual(['even', 'first']);
    // The same number on other rows.
    expect(standingsOf(right(10), right(10, 10))).toEqual(['even', 'even']);
  });

  test('one that may be as good as the best keeps it from being called the best', () => {
    expect(standingsOf(right(20), right(19), right(5))).toEqual(['first', 'even', 'behind']);
  });

  test('an unmeasured value has no standing, nor has a single one', () => {
    expect(standingsOf(undefined, right(20), right(2))).toEqual([undefined, 'best', 'behind']);
    expect(standingsOf(right(3), undefined)).toEqual([undefined, undefined]);
  });

  test('the rows are counted on which each is better than the best', () => {
    const [first, second] = scoreStandings(exactMatch, [right(12, 2), right(18)]);
    expect(first.against).toMatchObject({ first: 0, second: 6 });
    expect(first.against?.p).toBeCloseTo(2 / 2 ** 6, 12);
    expect(second.against).toBeUndefined();
  });

  test('scores of any height are compared by the sign of their differences', () => {
    expect(compareScores([1, 0.5, 0.2, 0], [0.5, 0.5, 0.1, 1])).toMatchObject({ first: 2, second: 1 });
    const half = line(expected.map((text) => `${text} and more`));
    expect(scoreStandings(tokenF1, [half, right(20)]).map(({ standing }) => standing)).toEqual([
      'behind',
      'best',
    ]);
  });

  test('perplexity has no test over rows: within 3% it is equal', () => {
    const at = (value: number): TunedCandidate =>
      line([], { loss: { loss: Math.log(value), perplexity: value, supervisedTokens: 9 } });
    const of = (...values: number[]): unknown[] =>
      scoreStandings(perplexity, values.map(at)).map(({ standing }) => standing);
    expect(of(4, 2)).toEqual(['behind', 'best']);
    expect(of(2.05, 2, 4)).toEqual(['even', 'first', 'behind']);
  });
});

describe('answers without a score, such as those on which a regular expression was stopped', () => {
  const FORM = 'form';
  /** The base model and an adapter on the same rows. */
  function tableOf(base: readonly (number | null)[], tuned: readonly (number | null)[]): TunedTable {
    const record = recordOf(
      { time: 0, model: { name: 'sprig', bundled: true } },
      base.map((_, at) => ({ prompt: '', expected: expected[at] })),
      [base, tuned].map((scores, at) => ({
        subject: at === 0 ? { method: 'base', label: 'Base model' } : { method: 'adapter', label: 'Captain' },
        answers: scores.map(() => ({ text: 'a' })),
        scores: { [FORM]: scores },
      })),
      [{ name: FORM, scorer: { name: 'regex', pattern: '^(a+)+$', as: FORM } }],
    );
    return tunedTable(
      record,
      scorersOf(record).filter(({ name }) => name === FORM),
    )!;
  }
  const nothing = Array.from({ length: 7 }, () => 0);
  const all = Array.from({ length: 7 }, () => 1);

  test.each([
    ['the same number of other rows', [...nothing, null], [null, ...all], 6],
    ['another number of rows', [...nothing, 0], [null, ...all], 7],
  ] as const)('are not compared: %s', (_, base, tuned, compared) => {
    const [first, second] = tableOf(base, tuned).lines.map(({ score }) => score);
    expect(first).toEqual({
      standing: 'behind',
      against: { first: 0, second: compared, p: expect.closeTo(2 / 2 ** compared, 12), compared, rows: 8 },
    });
    expect(second).toEqual({ standing: 'best' });
    expect(comparedRowsInWords(first.against!)).toBe(`on ${compared} of 8 rows`);
  });

  test('show nothing if no row has a score of both', () => {
    const [first, second] = tableOf([0, null], [null, 1]).lines.map(({ score }) => score);
    expect(first).toEqual({
      standing: 'even',
      against: { first: 0, second: 0, p: 1, compared: 0, rows: 2 },
    });
    expect(second.standing).toBe('first');
  });

  test('are said in the printed table and in the report', () => {
    const table = tableOf([...nothing, 0], [null, ...all]);
    const [base, tuned] = table.lines.map((line) => scoredRowsInWords(line, table.metric!));
    expect([base, tuned]).toEqual(['', 'on 7 of 8 rows']);
    const text = tunedTableText(table);
    expect(text).toMatch(/^Captain .* 7 of 7 \(.*\) on 7 of 8 rows \(best\)$/m);
    expect(text).toMatch(/^Base model .* 0 of 8 \([^)]*\)$/m);
    expect(text).toContain(PART_SCORED);
    expect(tableReport(table)).toMatchObject([
      { rows: 8, against_best: { only_this: 0, only_best: 7, rows: 7 } },
      { rows: 8, scored_rows: 7, score: 1 },
    ]);
  });

  test('are not spoken of if all have a score', () => {
    const table = tableOf(nothing, all);
    expect(tunedTableText(table)).not.toContain('without a score');
    const [base] = tableReport(table);
    expect(base).not.toHaveProperty('scored_rows');
    expect(base).not.toHaveProperty('against_best.rows');
  });
});

test('the default metric is exact answers for labels, and perplexity for free text and without answers', () => {
  const { side } = right(0);
  const of = (texts: readonly string[]) =>
    usualMetric({ ...side.record, items: texts.map((text) => ({ prompt: '', expected: text })) }, [side])
      .name;
  expect(of(expected)).toBe('exact-match');
  expect(of(expected.map((_, at) => `a text of its own, number ${at}`))).toBe('perplexity');
  expect(of([])).toBe('perplexity');
});

describe('forgetting', () => {
  const knows = (loss: number, prompts: string): TunedCandidate =>
    line([], {
      forgetting: {
        before: 0.7,
        after: loss,
        prompts: [...prompts].map((mark, at) => ({
          ...{ prompt: `${at}`, before: '', rightBefore: true, after: '', rightAfter: mark === '+' },
        })),
      },
    });
  const base = line([], {
    forgetting: {
      before: 0.7,
      prompts: Array.from({ length: 12 }, (_, at) => ({ prompt: `${at}`, before: '', rightBefore: true })),
    },
  });

  test('losses within 0.02 nats are equal', () => {
    expect(generalStandings([base, knows(0.71, ''), knows(0.9, ''), undefined])).toEqual([
      'first',
      'even',
      'behind',
      undefined,
    ]);
  });

  test('five fewer of twelve prompts may be chance, and six may not', () => {
    expect(promptsOf(base)).toEqual({ right: 12, asked: 12 });
    expect(promptStandings([base, knows(1, '+++++++-----')])).toEqual(['first', 'even']);
    expect(promptStandings([base, knows(1, '++++++------')])).toEqual(['best', 'behind']);
  });
});

test('the least of bytes and seconds', () => {
  expect(leastStandings([10, 12, undefined], 0)).toEqual(['best', 'behind', undefined]);
  expect(leastStandings([10, 10, 12], 0)).toEqual(['even', 'even', 'behind']);
  expect(leastStandings([1, 1.05, 2], 0.1)).toEqual(['first', 'even', 'behind']);
  expect(leastStandings([1], 0)).toEqual([undefined]);
});

test('the time of a step is the median, which a slow first step does not move', () => {
  expect(medianSeconds([{ seconds: 9 }, { seconds: 1 }, { seconds: 2 }])).toBe(2);
  expect(medianSeconds([])).toBeUndefined();
});

describe('pairs', () => {
  const likely = (chosen: number, rejected: number): PairLikelihoods => ({
    chosen: { logp: chosen, tokens: 2 },
    rejected: { logp: rejected, tokens: 2 },
  });
  const base = Array.from({ length: 8 }, () => likely(-4, -3));
  const better = base.map(() => likely(-2, -3));

  test('are compared with the base model if a run here learned so, else by means; it has no number itself then', () => {
    expect(comparesWithBase(['sft', 'dpo', 'simpo'])).toBe(true);
    expect(comparesWithBase([undefined, 'orpo', 'sft'])).toBe(false);
    expect(pairsOfTable([base, better, undefined], true)).toEqual([
      undefined,
      better.map(() => true),
      undefined,
    ]);
    expect(pairsOfTable([base, better], false)).toEqual([base.map(() => false), better.map(() => true)]);
    expect(pairsInWords(true)).toContain('base model itself has none');
  });

  test('the best is named only if that is unlikely by chance', () => {
    const of = (right: number): TunedCandidate => ({
      ...line([]),
      pairs: Array.from({ length: 8 }, (_, at) => at < right),
    });
    const standings = (...all: TunedCandidate[]) => pairStandings(all).map(({ standing }) => standing);
    // Six pairs that only one has in order, p = 2 / 2⁶; five of them, p = 0.0625.
    expect(standings(of(2), of(8))).toEqual(['behind', 'best']);
    expect(standings(of(3), of(8))).toEqual(['even', 'first']);
    expect(standings(line([]), of(8))).toEqual([undefined, undefined]);
  });
});

test('what the marks of a printed table say names those that stand in it, and no others', () => {
  expect(marksInWords('a 1 (best)\nb 0')).toBe(
    '(best) is ahead of the others in this table: the base model and what was tuned. The verdict also counts methods without tuning.',
  );
  expect(marksInWords('a 1 (highest)\nb 0 (even) 2.1 (lowest)')).toBe(
    '(highest), (lowest) and (even) may be as good as each other: the difference may be chance, or is too small to count.',
  );
  expect(marksInWords('a 1\nb 0')).toBe('');
});
