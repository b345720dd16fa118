/** Several seeds of one recipe as one method, and rows that share a group: intervals, tests, tables and the verdict. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { recordText } from '../../../src/cli/evaluate-output.ts';
import { bootstrap } from '../../../src/evaluate/bootstrap.ts';
import { clustersOf } from '../../../src/evaluate/clusters.ts';
import { flipsOf } from '../../../src/evaluate/flips.ts';
import { metricsOf } from '../../../src/evaluate/columns.ts';
import { drawnShare, intervalsOf, meanOf } from '../../../src/evaluate/intervals.ts';
import { mcnemar } from '../../../src/evaluate/paired.ts';
import { recordOf, type Evaluation, type Subject } from '../../../src/evaluate/record.ts';
import { readEvaluation } from '../../../src/evaluate/record-file.ts';
import { judgeRecord, seedsReport } from '../../../src/evaluate/report.ts';
import { reportPage } from '../../../src/evaluate/report-page.ts';
import { familiesOf, seedsAgainst, seedScores } from '../../../src/evaluate/seeds.ts';
import { signFlipTest } from '../../../src/evaluate/sign-flip.ts';
import { sideOf } from '../../../src/evaluate/sides.ts';
import { exactMatch } from '../../../src/scorers/exact-match.ts';

interface Case {
  readonly groups: readonly string[];
  readonly differences: readonly number[];
  readonly p: number;
  readonly interval: readonly [number, number];
}
const { cases } = JSON.parse(
  readFileSync(new URL('../../reference/metrics/clusters.json', import.meta.url), 'utf8'),
) as { readonly cases: readonly Case[] };

test('tests and intervals over groups equal those of a script that tries every sign and draws whole groups', () => {
  for (const { groups, differences, p, interval } of cases) {
    const items = groups.map((group) => ({ prompt: '', expected: '', group }));
    const clusters = clustersOf({ items }, items.length);
    expect(signFlipTest(differences, clusters)).toBeCloseTo(p, 12);
    const [found] = bootstrap(items.length, 1, [(sample) => meanOf(differences, sample)], { clusters });
    found?.forEach((end, at) => expect(Math.abs(end - interval[at])).toBeLessThan(0.03));
  }
});

test('the sign-flip test of single right and wrong rows is the exact McNemar test', () => {
  const differences = [
    ...Array<number>(11).fill(1),
    ...Array<number>(4).fill(-1),
    ...Array<number>(20).fill(0),
  ];
  expect(signFlipTest(differences)).toBeCloseTo(mcnemar(11, 4), 12);
  expect(signFlipTest([0, 0])).toBe(1);
});

const ROWS = 40;
const LABELS = ['yes', 'no'];
/** @param right rows that a subject gets right @param groups rows of a group */
function recordWith(rights: readonly ((row: number) => boolean)[], groups = 1): Evaluation {
  const expected = (row: number): string => LABELS[row % 2];
  const columns = rights.map((right, at) => {
    const scores = Array.from({ length: ROWS }, (_, row) => Number(right(row)));
    const subject: Subject =
      at === 0
        ? { method: 'base', label: 'Base model' }
        : {
            ...{ method: 'adapter', label: `out/mails-seed-${at}` },
            adapter: { name: `out/mails-seed-${at}`, folder: `out/mails-seed-${at}` },
            trained: { recipe: 'r', seed: 10 - at },
          };
    return {
      subject,
      answers: scores.map((score, row) => ({ text: score ? expected(row) : 'none' })),
      scores: { [exactMatch.name]: scores },
    };
  });
  return recordOf(
    {
      ...{ time: 0, model: { name: 'sprig', bundled: true } },
      ...(groups > 1 && { groupedBy: 'ticket' }),
    },
    Array.from({ length: ROWS }, (_, row) => ({
      ...{ prompt: `Question ${row}`, expected: expected(row) },
      ...(groups > 1 && { group: `t${Math.floor(row / groups)}` }),
    })),
    columns,
    [{ name: exactMatch.name }],
  );
}
const first = (many: number) => (row: number) => row < many;

test('several seeds of one recipe are one method, with its mean and spread', () => {
  const record = recordWith([first(10), first(20), first(24), first(28)]);
  const [family, ...others] = familiesOf(record);
  expect(others).toEqual([]);
  expect(family).toMatchObject({ label: 'out/mails, 3 seeds', seeds: [7, 8, 9] });
  const scores = seedScores(family, exactMatch);
  expect(scores).toMatchObject({ mean: 0.6, lowest: 0.5, highest: 0.7, of: ROWS });
  expect(scores?.deviation).toBeCloseTo(0.1, 12);
  const text = recordText(record, [exactMatch]);
  expect(text).toMatch(/out\/mails, 3 seeds +24 of 40 \(\d+% to \d+%\), seeds 20 to 28/);
  expect(text).toMatch(/out\/mails-seed-1, seed 9 +20 of 40/);
  expect(seedsReport(record, [exactMatch])).toMatchObject([
    {
      seeds: [7, 8, 9],
      metrics: { [exactMatch.name]: { mean: 0.6, by_seed: [0.7, 0.6, 0.5] } },
      ahead: 18,
      behind: 0,
    },
  ]);
  const about = { metrics: [exactMatch], part: 'test', adapters: [], command: 'graft', judged: undefined };
  expect(reportPage(record, about)).toContain('The seeds of “out/mails, 3 seeds”');
  expect(readEvaluation(JSON.stringify(record), 'a.json')).toEqual(record);
});

test('one seed twice is one seed, and an adapter without a recipe is alone', () => {
  const record = recordWith([first(10), first(20), first(24)]);
  const seeds = (to: Partial<Subject>): Evaluation => ({
    ...record,
    subjects: record.subjects.map((subject, at) => (at === 2 ? { ...subject, ...to } : subject)),
  });
  expect(familiesOf(seeds({ trained: { recipe: 'r', seed: 9 } }))).toEqual([]);
  expect(familiesOf(seeds({ trained: undefined }))).toEqual([]);
  expect(familiesOf(seeds({ trained: { recipe: 'other', seed: 3 } }))).toEqual([]);
});

test('the verdict compares the mean of the seeds, not the best of them', () => {
  const said = judgeRecord(recordWith([first(24), first(20), first(24), first(31)]))!.verdict;
  expect(said.before + said.number + said.after).toContain(
    '“out/mails, 3 seeds” gets 25 of 40 rows exactly right on average, 20 to 31 by seed.',
  );
  expect(said.after).toContain('The difference may be chance.');
  expect(said.winner).toBeUndefined();
  expect(said.how).toContain('exact sign-flip test over rows');
  const sure = judgeRecord(recordWith([first(10), first(20), first(24), first(28)]))!.verdict;
  expect([sure.before.startsWith('Tuning helped: '), sure.winner]).toEqual([true, 'tuned']);
});

test('a difference that is sure over rows may be chance over groups, and the words say so', () => {
  const rows = recordWith([first(10), first(20)]);
  const groups = recordWith([first(10), first(20)], 10);
  const [alone, together] = [judgeRecord(rows)!.verdict, judgeRecord(groups)!.verdict];
  expect(alone.how).toContain('exact McNemar test');
  expect(alone.winner).toBe('tuned');
  expect(together.how).toContain('exact sign-flip test over 4 groups of rows with the same “ticket”');
  expect(together.winner).toBeUndefined();
  expect(recordText(groups, [exactMatch])).toContain('draw 4 groups of rows with the same “ticket”');
  const width = (record: Evaluation): number => {
    const [{ interval }] = flipsOf(record);
    return interval![1] - interval![0];
  };
  expect(width(groups)).toBeGreaterThan(width(rows));
  // The share of right rows has the same interval wherever it stands.
  for (const record of [rows, groups]) {
    const side = sideOf(record, 1);
    const { interval } = drawnShare(side, side.exact, exactMatch);
    expect(interval).toEqual(intervalsOf(side, metricsOf(side, [exactMatch]), [exactMatch])[exactMatch.name]);
  }
  // One wrong row of forty is missing from many resamples of four groups: the interval is not shorter for that.
  const [nearly] = [sideOf(recordWith([first(10), first(39)], 10), 1)];
  expect(drawnShare(nearly, nearly.exact, exactMatch).interval[0]).toBeLessThanOrEqual(
    nearly.exact.interval[0],
  );
  expect(
    seedsAgainst(
      familiesOf(recordWith([first(10), first(20), first(20)], 10))[0],
      flipsOf(groups)[0].side.right,
    )?.p,
  ).toBe(1);
});
