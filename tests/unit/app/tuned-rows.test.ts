/** The table of everything tuned: its rows, and which measurements can be compared. */
import { describe, expect, test } from 'vitest';
import {
  familiesOfTable,
  tunedColumns,
  tunedInOrder,
  tunedRowKey,
  latestOf,
  measuredAbove,
  measuredTogether,
  tableOf,
  whyApart,
  type ResultsTable,
} from '../../../src/app/evaluate/tuned-rows.ts';
import { tunedOf } from '../../../src/app/evaluate/tuned.ts';
import type { NowOpen } from '../../../src/app/evaluate/origin.ts';
import { seedCell } from '../../../src/evaluate/cells.ts';
import { fromTuned } from '../../../src/evaluate/earlier.ts';
import { exactMatch } from '../../../src/scorers/exact-match.ts';
import { pageValues } from '../../../src/settings/table.ts';
import type {
  AdapterInfo,
  DataOptions,
  Evaluation,
  RunSummary,
  TunedMeasurement,
} from '../../../src/worker/api.ts';
import type { Earlier } from '../evaluate/earlier-shapes.ts';

const OPTIONS: DataOptions = { maxLength: 64, overlong: 'drop', validation: 0.1, test: 0.1, seed: 42 };
const NOW: NowOpen = {
  model: { name: 'sprig', bundled: true, fingerprint: 'f' },
  rows: { version: 'a', options: OPTIONS },
  adapters: [
    { id: 'lora', name: 'One' },
    { id: 'ia3', name: 'Two' },
  ],
  runs: [{ id: 'whole', step: 9 }],
};
const SHARE = { count: 0, total: 0, interval: [0, 1] as [number, number] };

interface Changes {
  readonly rows?: number;
  readonly version?: string;
  readonly after?: number;
  readonly answer?: string;
  readonly seen?: Earlier['seen'];
  /** What else was measured, in the shape of earlier versions. */
  readonly more?: Partial<Earlier>;
}

function measured(
  id: string,
  { rows = 4, version = 'a', after = 0.8, answer = 'yes', seen, more = {} }: Changes = {},
): TunedMeasurement {
  const evaluation = fromTuned({
    seconds: 1,
    evaluation: {
      origin: {
        time: 1,
        model: { name: 'sprig', bundled: true, fingerprint: 'f' },
        data: { name: 'rows', version, options: { ...OPTIONS } },
        adapter: id === 'whole' ? { name: 'All', runId: id, step: 9 } : { name: id, id },
      },
      draw: { seed: 42, of: 40, tooLong: 0 },
      rows: Array.from({ length: rows }, (_, at) => ({
        ...{ prompt: `Say ${at}`, expected: at % 2 === 0 ? 'yes' : 'no', base: 'no', tuned: answer },
      })),
      exact: { base: SHARE, tuned: SHARE },
      rules: [],
      ...(seen !== undefined && { seen }),
      ...more,
    },
    forgetting: {
      before: 0.7,
      after,
      kl: { before: 0, after: 0.5 },
      prompts: [{ prompt: '?', before: 'a', rightBefore: true, after: 'b', rightAfter: false }],
    },
  });
  return { sample: { rows }, evaluation };
}

const adapter = (id: string, more: object = {}): AdapterInfo =>
  ({
    ...{ id, name: id, baseModel: 'sprig', parameters: 100, created: 1, runId: `run of ${id}`, targets: [] },
    ...more,
  }) as unknown as AdapterInfo;
const run = (id: string, more: object = {}): RunSummary => {
  const { options, ...others } = more as { options?: object };
  return {
    ...{ id, baseModel: 'sprig', dataName: 'rows', created: 1 },
    options: { ...pageValues({ ...options }), name: id },
    ...others,
  } as unknown as RunSummary;
};
const project = (adapters: readonly AdapterInfo[], runs: readonly RunSummary[] = []) =>
  tunedOf({ adapters, runs, models: ['All'], open: 'sprig', took: { 'run of lora': { peakBytes: 9 } } });

describe('rows', () => {
  test('are adapters and models that runs left, in the order in which they were made', () => {
    const tuned = project(
      [
        adapter('ia3', { kind: 'ia3', created: 3 }),
        adapter('lora', { rank: 8, created: 1 }),
        adapter('trial', { trial: true }),
        adapter('soft', { kind: 'prompt', virtualTokens: 20, created: 4, runId: undefined }),
      ],
      [
        run('whole', { options: { method: 'full' }, keptModel: 'All', created: 2 }),
        run('gone', { options: { method: 'full' }, keptModel: 'Deleted', created: 2 }),
        run('last', {
          options: { method: 'full', lastLayers: 2 },
          keptModel: 'All',
          created: 5,
        }),
        run('of lora'),
      ],
    );
    expect(tuned.map(({ key, kind }) => [key, kind])).toEqual([
      ['lora', 'LoRA rank 8'],
      ['whole', 'All weights'],
      ['ia3', 'IA3'],
      ['soft', 'Prompt tuning, 20 tokens'],
      ['last', 'The weights of the last 2 layers'],
    ]);
    expect(tuned[0].took).toEqual({ parameters: 100, peakBytes: 9 });
    expect(tuned[3].runId).toBeUndefined();
  });

  test('say which method left another kind of adapter', () => {
    const [one] = project(
      [adapter('pissa', { rank: 16 })],
      [run('run of pissa', { options: { method: 'pissa', rank: 8 } })],
    );
    expect(one.kind).toBe('PiSSA rank 8, kept as LoRA rank 16');
  });

  test('are listed for another base, and say which to open', () => {
    const [one] = project([adapter('lora', { baseModel: 'oak' })]);
    const { found } = measuredTogether([one], [], NOW);
    expect(found[0].lacks).toBe('It has another base model: open oak to measure it.');
  });
});

describe('measurements', () => {
  const latest = measured('ia3');

  test('are compared if the same model answered the same rows', () => {
    expect(whyApart(measured('lora'), latest, NOW)).toBeUndefined();
    expect(tunedRowKey(measured('whole'))).toBe('whole');
  });

  test.each<[string, TunedMeasurement | undefined, RegExp]>([
    ['nothing', undefined, /^Not measured yet\.$/],
    ['fewer rows', measured('lora', { rows: 2 }), /^Measured on 2 rows, the latest on 4\.$/],
    [
      'other rows that are open',
      measured('lora', { version: 'b' }),
      /^Measured before\. Other rows are open now\.$/,
    ],
    ['an adapter that is gone', measured('gone'), /is deleted/],
  ])('are not compared for %s', (_, entry, why) => {
    expect(whyApart(entry, latest, NOW)).toMatch(why);
  });

  test('are not compared if as many other rows were asked', () => {
    const entry = measured('lora');
    const items = entry.evaluation.items.map((item) => ({ ...item, prompt: `Tell ${item.prompt}` }));
    const other = { ...entry, evaluation: { ...entry.evaluation, items } };
    expect(whyApart(other, latest, NOW)).toBe('Measured on other rows than the latest.');
  });

  test('are compared with the latest one that is not out of date', () => {
    const entries = [measured('lora'), measured('ia3', { version: 'b' })];
    expect(latestOf(entries, NOW)).toBe(entries[0]);
    expect(latestOf([measured('ia3', { version: 'b' })], NOW)).toBeUndefined();
  });
});

describe('the table', () => {
  const tuned = project(
    [adapter('lora', { rank: 8, parameters: 300 }), adapter('ia3', { kind: 'ia3', created: 2 })],
    [run('run of lora'), run('run of ia3', { options: { batch: 99 } })],
  );
  const entries = [
    measured('lora', { after: 0.9, seen: { asked: 1, test: 2, of: 8 } }),
    measured('ia3', { after: 0.6, answer: 'no' }),
  ];
  const table = tableOf(measuredTogether(tuned, entries, NOW), exactMatch);

  test('has the base and the changes from it', () => {
    expect(table.rows).toBe(4);
    expect(table.base?.candidate?.side.answers).toEqual(['no', 'no', 'no', 'no']);
    expect(table.tuned.map(({ change, kl }) => [change?.toFixed(1), kl])).toEqual([
      ['0.2', 0.5],
      ['-0.1', 0.5],
    ]);
    // Two of four each, on other rows.
    expect(table.tuned.map(({ score }) => score.standing)).toEqual(['even', 'even']);
    expect(table.tuned.map(({ general }) => general)).toEqual(['behind', 'best']);
    expect(table.tuned[0].caveat).toContain('Training saw 1 of the 4 rows');
  });

  test('always compares parameters, and resources of steps only for the same rows', () => {
    expect(table.tuned.map(({ cost }) => cost)).toEqual([{ parameters: 'behind' }, { parameters: 'best' }]);
  });

  test('shows no values that cannot be compared', () => {
    const others = [measured('lora', { rows: 2 }), measured('ia3')];
    const [first, second] = tableOf(measuredTogether(tuned, others, NOW), exactMatch).tuned;
    expect(first).toMatchObject({
      lacks: 'Measured on 2 rows, the latest on 4.',
      score: { standing: undefined },
    });
    expect(first.candidate).toBeUndefined();
    expect(first.kl).toBeUndefined();
    expect(second.candidate).toBeDefined();
  });

  test('is sorted by any column, with unknown values at the end', () => {
    const keys = (column: Parameters<typeof tunedInOrder>[1]['column'], descending = false): unknown[] =>
      tunedInOrder(table.tuned, { column, descending }, () => 1).map((row) => row.tuned?.key);
    expect(keys('parameters')).toEqual(['ia3', 'lora']);
    expect(keys('parameters', true)).toEqual(['lora', 'ia3']);
    expect(keys('general')).toEqual(['ia3', 'lora']);
    expect(keys('memory', true)).toEqual(['lora', 'ia3']);
    expect(keys('name', true)).toEqual(['lora', 'ia3']);
  });
});

describe('a measurement above the table', () => {
  const tuned = project([adapter('lora'), adapter('ia3')]);
  /** One press for both adapters. */
  function pressed(rows = 4, changes: Partial<Evaluation> = {}): Evaluation {
    const { evaluation } = measured('lora', { rows });
    const at = evaluation.subjects.findIndex((subject) => subject.adapter);
    const second = { ...evaluation.subjects[at], adapter: { name: 'Two', id: 'ia3' }, label: 'Two' };
    return {
      ...evaluation,
      subjects: [...evaluation.subjects, second],
      scores: evaluation.scores.map((row) => [...row, row[at]]),
      evidence: evaluation.evidence.map((row) => [...row, row[at]]),
      ...changes,
    };
  }
  const lacking = (entries: TunedMeasurement[], above: Evaluation): (string | undefined)[] =>
    measuredTogether(tuned, entries, NOW, measuredAbove(above)).found.map(({ lacks }) => lacks);

  test('fills the rows of what it measured', () => {
    expect(lacking([], pressed())).toEqual([undefined, undefined]);
    const { latest, found } = measuredTogether(tuned, [], NOW, measuredAbove(pressed()));
    expect(latest?.sample).toEqual({ rows: 4 });
    const table = tableOf({ latest, found }, exactMatch);
    expect(table.tuned.map(({ tuned: one, kl }) => [one?.key, kl])).toEqual([
      ['lora', 0.5],
      ['ia3', 0.5],
    ]);
  });

  test('is next to the measurements of the table, and changes none of their rows', () => {
    expect(lacking([measured('lora')], pressed())).toEqual([undefined, undefined]);
    expect(lacking([measured('lora', { rows: 2 })], pressed())).toEqual([
      undefined,
      'Measured on 4 rows, the latest on 2.',
    ]);
  });

  test('is left out without what was forgotten, with rewards, and if answers were chosen', () => {
    const { subjects, scorers, made } = pressed();
    const NOT = ['Not measured yet.', 'Not measured yet.'];
    const unasked = subjects.map(({ forgetting: _, ...subject }) => subject);
    expect(lacking([], pressed(4, { subjects: unasked }))).toEqual(NOT);
    expect(lacking([], pressed(4, { scorers: [...scorers, { name: 'reward' }] }))).toEqual(NOT);
    expect(lacking([], pressed(4, { made: { ...made, choices: { from: 'labels', ends: true } } }))).toEqual(
      NOT,
    );
  });
});

describe('columns of rewards and pairs', () => {
  const by = (
    id: string,
    tuned: number[],
    chosen = 'length',
    more: Partial<Earlier> = {},
  ): TunedMeasurement => {
    const rewards = { base: [0, 0, 0, 0], tuned, passMark: 1, chosen: [{ name: chosen }] };
    const sample = { rows: 4, rewards: [{ name: chosen }] };
    return { ...measured(id, { more: { rewards, ...more } }), sample };
  };
  const tuned = project([adapter('lora'), adapter('ia3')]);

  test('are there where the rows have them', () => {
    const plain = tableOf(measuredTogether(tuned, [measured('lora')], NOW), exactMatch);
    expect(tunedColumns(plain)).not.toContain('reward');
    expect(tunedColumns(plain)).not.toContain('pairs');
    const likely = { chosen: { logp: -1, tokens: 1 }, rejected: { logp: -2, tokens: 1 } };
    const pairs = { base: [likely], tuned: [likely] };
    const withPairs = measured('lora', { more: { pairs } });
    const compared = tableOf(measuredTogether(tuned, [withPairs], NOW), exactMatch);
    expect(tunedColumns(compared)).toContain('pairs');
    // No run here learned from pairs: they are compared with the base model, which has none itself.
    expect(compared.base?.candidate?.pairs).toBeUndefined();
    expect(compared.tuned[0].candidate?.pairs).toEqual([false]);
  });

  test('rewards of another choice do not stand in the column', () => {
    const both = tableOf(
      measuredTogether(tuned, [by('ia3', [1, 1, 1, 1], 'regex'), by('lora', [1, 0, 1, 1])], NOW),
      exactMatch,
    );
    expect(tunedColumns(both)).toContain('reward');
    const [lora, ia3] = ['lora', 'ia3'].map((key) => both.tuned.find((one) => one.tuned?.key === key));
    expect(lora?.candidate?.rewards).toEqual([1, 0, 1, 1]);
    expect(ia3?.candidate?.rewards).toBeUndefined();
    expect(both.base?.candidate?.rewards).toEqual([0, 0, 0, 0]);
  });

  test('show no answer as right or wrong for rows that are only prompts', () => {
    const rows = [1, 2, 3, 4].map((at) => ({ prompt: `Say ${at}`, expected: '', base: 'no', tuned: 'yes' }));
    const alone = by('lora', [1, 1, 1, 1], 'length', { rows });
    const table = tableOf(measuredTogether(tuned, [alone], NOW), exactMatch);
    expect(tunedColumns(table)).not.toContain('score');
    expect(tunedColumns(table)).toContain('reward');
  });
});

describe('several seeds of one recipe', () => {
  const trained = (entry: TunedMeasurement, recipe: string, seed: number): TunedMeasurement => ({
    ...entry,
    evaluation: {
      ...entry.evaluation,
      subjects: entry.evaluation.subjects.map((subject) =>
        subject.adapter ? { ...subject, trained: { recipe, seed } } : subject,
      ),
    },
  });
  const tuned = project([adapter('lora'), adapter('ia3')]);
  const tableWith = (recipe: string): ResultsTable =>
    tableOf(
      measuredTogether(
        tuned,
        [trained(measured('lora'), 'a', 1), trained(measured('ia3', { answer: 'maybe' }), recipe, 2)],
        NOW,
      ),
      exactMatch,
    );

  test('are one method with a mean and a range', () => {
    const [family, ...others] = familiesOfTable(tableWith('a'));
    expect(others).toEqual([]);
    expect(family.label).toBe('adapter, 2 seeds');
    // 2 and 0 of 4 rows are right: two rows by half of the seeds.
    expect(seedCell(exactMatch, family)).toMatch(/^1 of 4 \(.*\), seeds 0 to 2$/);
  });

  test('are apart from another recipe', () => {
    expect(familiesOfTable(tableWith('b'))).toEqual([]);
  });
});
