/** Blind judging: a balanced random order, and what votes come to. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { blindInWords, blindPlan, blindResult, winsOfVotes } from '../../../src/evaluate/blind.ts';
import type { BlindJudging, BlindTurn, Evaluation } from '../../../src/evaluate/record.ts';

const ROWS = 21;
/** The first two answers of every seventh row are the same up to white space, and the third subject has answered ten rows. */
const record: Pick<Evaluation, 'evidence' | 'items'> = {
  items: Array.from({ length: ROWS }, () => ({ prompt: '', expected: '' })),
  evidence: Array.from({ length: ROWS }, (_, at) => [
    { text: `a${at}` },
    { text: at % 7 === 0 ? ` a${at} ` : `b${at}` },
    at < 10 ? { text: 'c' } : null,
  ]),
};

test('rows with different answers come once each in random order, each side as often on the left', () => {
  const { turns, same } = blindPlan(record, [0, 1], 5);
  expect(same).toBe(3);
  const items = turns.map(({ item }) => item);
  const differing = Array.from({ length: ROWS }, (_, at) => at).filter((at) => at % 7 !== 0);
  expect([...items].sort((a, b) => a - b)).toEqual(differing);
  expect(items).not.toEqual(differing);
  expect(turns.filter(({ swapped }) => swapped)).toHaveLength(9);
  expect(blindPlan(record, [0, 1], 5).turns).toEqual(turns);
  expect(blindPlan(record, [0, 1], 6).turns).not.toEqual(turns);
  expect(blindPlan(record, [0, 2], 5).turns).toHaveLength(10);
});

test('the side on the left does not follow from the order of rows', () => {
  const starts = Array.from({ length: 400 }, (_, seed) => blindPlan(record, [0, 1], seed).turns[0].swapped);
  // A fair coin would be outside of this range once in ten thousand times.
  expect(Math.abs(starts.filter(Boolean).length - 200)).toBeLessThan(40);
});

const judging = (votes: readonly BlindTurn['vote'][], seed = 5): BlindJudging => ({
  ...{ subjects: [0, 1], seed },
  turns: blindPlan(record, [0, 1], seed)
    .turns.slice(0, votes.length)
    .map((turn, at) => ({ ...turn, vote: votes[at] })),
});

test('wins are a share of the rows with a winner, with the intervals of Wilson and the exact sign test', () => {
  const of = judging(['first', 'first', 'tie', 'second', 'first', 'first']);
  const result = blindResult(record, of);
  expect(result).toMatchObject({ first: 4, second: 1, ties: 1, same: 3, of: 18, p: 0.375 });
  // statsmodels: proportion_confint(4, 5, method='wilson').
  expect(result.share.interval[0]).toBeCloseTo(0.375535, 5);
  expect(result.share.interval[1]).toBeCloseTo(0.963779, 5);
  expect(blindInWords(result, ['Base', 'Mine'])).toBe(
    '“Base” wins 4 and “Mine” 1 of 5 rows with a winner: 80% for “Base”, 95% interval 38% to 96%, exact sign test p = 0.38. 1 tie. 6 of 18 rows were judged. 3 rows with equal answers were not shown.',
  );
});

test('ties only have no share', () => {
  expect(blindInWords(blindResult(record, judging(['tie', 'tie'])), ['Base', 'Mine'])).toBe(
    '2 rows were judged, and none has a winner. 2 ties. 2 of 18 rows were judged. 3 rows with equal answers were not shown.',
  );
});

test('votes on rows that share groups count by groups, as a script counts them that draws whole groups', () => {
  const { cases } = JSON.parse(
    readFileSync(new URL('../../reference/metrics/clusters.json', import.meta.url), 'utf8'),
  ) as {
    readonly cases: readonly {
      readonly groups: readonly string[];
      readonly differences: readonly number[];
      readonly votes: { readonly p: number; readonly interval: readonly [number, number] };
    }[];
  };
  for (const { groups, differences, votes } of cases) {
    const given = differences.map((one) => (one > 0 ? 'first' : one < 0 ? 'second' : 'tie'));
    const items = groups.map((group) => ({ group }));
    const wins = winsOfVotes(given, items);
    expect(wins.p).toBeCloseTo(votes.p, 12);
    const shared = new Set(groups).size;
    expect(wins.groups).toBe(shared < groups.length ? shared : undefined);
    if (wins.groups !== undefined)
      wins.share.interval.forEach((end, at) => expect(Math.abs(end - votes.interval[at])).toBeLessThan(0.03));
  }
  const grouped = {
    ...record,
    items: record.items.map((item, at) => ({ ...item, group: `g${at >> 1}` })),
  };
  const said = blindInWords(blindResult(grouped, judging(Array<BlindTurn['vote']>(18).fill('first'))), [
    'A',
    'B',
  ]);
  expect(said).toMatch(/exact sign-flip test over \d+ groups p = /);
});
