/** Parts of a run, rows that are left out, and repeated rows. */
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { divideEntries } from '../../../src/data/divide.ts';
import type { Mixture } from '../../../src/data/mixture.ts';
import {
  divideRows,
  findRepeats,
  isUsed,
  tasksOfRows,
  TEST_FILE,
  type Divisible,
  type RowStatus,
} from '../../../src/data/parts.ts';
import type { Entry } from '../../../src/data/row-set.ts';
import {
  parseSkipped,
  withoutFile,
  withoutSkipped,
  withSkipped,
  writeSkipped,
} from '../../../src/data/skip-list.ts';
import { splitExamples } from '../../../src/data/split.ts';
import { graftError } from '../expect-graft-error.ts';

const SPLIT = { validation: 0.2, test: 0.2, seed: 3 };
const rows = (identities: string, file = 0): Divisible[] =>
  [...identities].map((identity, at) => ({ file, line: at + 1, identity }));
const count = (fates: readonly RowStatus[], fate: RowStatus): number =>
  fates.filter((other) => other === fate).length;

describe('a fair split', () => {
  const drawn = (label: string, source: string, at: number): Divisible => ({
    ...{ file: 0, line: at + 1, identity: String(at) },
    drawnAs: { identity: String(at), stratum: label, group: source },
  });
  const all = Array.from({ length: 60 }, (_, at) =>
    drawn(at % 6 === 0 ? 'rare' : 'usual', `source ${at >> 1}`, at),
  );

  it('gives each part its share of each label, and keeps the rows of a source together', () => {
    const fates = divideRows(all, { ...SPLIT, fair: { stratify: 'label', group: 'source' } });
    const rare = (part: RowStatus): number =>
      all.filter(({ drawnAs }, at) => drawnAs?.stratum === 'rare' && fates[at] === part).length;
    expect([count(fates, 'train'), count(fates, 'validation'), count(fates, 'test')]).toEqual([36, 12, 12]);
    expect([rare('train'), rare('validation'), rare('test')]).toEqual([6, 2, 2]);
    for (let at = 0; at < all.length; at += 2) expect(fates[at]).toBe(fates[at + 1]);
  });

  it('moves no other row when one is left out, deleted, or added', () => {
    const fair = { stratify: 'label' };
    const before = divideRows(all, { ...SPLIT, fair });
    const changed = all.map((row, at) => (at === 7 ? { ...row, gone: true } : row));
    const added: Divisible = { file: 0, line: 99, added: true, part: 'test' };
    const after = divideRows([...changed, added], {
      ...SPLIT,
      ...{ fair, skip: [[1]] },
    });
    expect(after).toEqual([...before.map((fate, at) => (at === 7 || at === 0 ? 'skipped' : fate)), 'test']);
  });
});

describe('division', () => {
  it('is the split, if nothing is left out', () => {
    const fates = divideRows(rows('abcdefghij'), SPLIT);
    const split = splitExamples(10, SPLIT);
    for (const part of ['train', 'validation', 'test'] as const)
      expect(fates.flatMap((fate, at) => (fate === part ? [at] : []))).toEqual(split[part]);
  });

  it('leaves a row out without moving another', () => {
    const before = divideRows(rows('abcdefghij'), SPLIT);
    const after = divideRows(rows('abcdefghij'), { ...SPLIT, skip: [[4, 7]] });
    expect(after).toEqual(before.map((fate, at) => (at === 3 || at === 6 ? 'skipped' : fate)));
  });

  it('takes a file of test rows whole, and splits more rows with the first', () => {
    const all = [...rows('abcde'), ...rows('xyz', 2), ...rows('tuv', TEST_FILE)];
    const fates = divideRows(all, { ...SPLIT, test: 0 });
    expect(fates.slice(8)).toEqual(['test', 'test', 'test']);
    expect(count(fates.slice(0, 8), 'validation')).toBe(2);
    expect(divideRows(all, { ...SPLIT, test: 0, skip: [[], [2], [1]] })).toEqual(
      fates.map((fate, at) => (at === 9 || at === 5 ? 'skipped' : fate)),
    );
  });

  it('keeps one of several equal rows: the one that measures', () => {
    const all = [...rows('aabcdb'), ...rows('ca', TEST_FILE)];
    expect(divideRows(all, { validation: 0, test: 0, seed: 1, dropCopies: true })).toEqual([
      ...['copy', 'copy', 'train', 'copy', 'train', 'copy'],
      ...['test', 'test'],
    ]);
    // A row that a person left out is not the copy that is kept.
    expect(
      divideRows(all, { validation: 0, test: 0, seed: 1, dropCopies: true, skip: [[], [2]] }).slice(0, 2),
    ).toEqual(['train', 'copy']);
  });

  it('has no row twice and no leak once copies are dropped', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...'abcdefg'), { minLength: 8, maxLength: 40 }),
        fc.nat(99),
        (identities, seed) => {
          const all = [...rows('0123456789'), ...rows(identities.join(''))];
          const fates = divideRows(all, { ...SPLIT, seed, dropCopies: true });
          const parts = fates.map((fate) => (isUsed(fate) ? fate : undefined));
          const { repeated, leaked } = findRepeats(
            all.map(({ identity }) => identity),
            parts,
          );
          expect([repeated.size, leaked.size]).toEqual([0, 0]);
          expect(count(fates, 'copy')).toBe(identities.length - new Set(identities).size);
        },
      ),
    );
  });

  describe('a mixture', () => {
    const mixture: Mixture = {
      tasks: [
        { name: 'a', file: 0 },
        { name: 'b', file: 2 },
      ],
      mix: 'proportional',
    };
    const all = [...rows('abcdefghij'), ...rows('klmnopqrstuvwxyzABCD', 2)];

    it('splits each task as if there were no other', () => {
      const fates = divideRows(all, { ...SPLIT, mixture });
      expect(fates.slice(0, 10)).toEqual(divideRows(all.slice(0, 10), SPLIT));
      expect(fates.slice(10)).toEqual(divideRows(all.slice(10), SPLIT));
    });

    it('uses separate test rows for the first task, and splits some off the others', () => {
      const fates = divideRows([...all, ...rows('EF', TEST_FILE)], { ...SPLIT, mixture });
      expect(count(fates.slice(0, 10), 'test')).toBe(0);
      expect(fates.slice(10, 30)).toEqual(divideRows(all.slice(10), SPLIT));
      expect(fates.slice(30)).toEqual(['test', 'test']);
    });

    it('trains on all of a task, and splits the others as if it were not there', () => {
      const [first, second] = mixture.tasks;
      const whole = { ...mixture, tasks: [first, { ...second, whole: true }] };
      const fates = divideRows(all, { ...SPLIT, mixture: whole });
      expect(fates.slice(0, 10)).toEqual(divideRows(all.slice(0, 10), SPLIT));
      expect(count(fates.slice(10), 'train')).toBe(20);
      // Separate test rows belong to the first task, as without a mixture.
      const tested = divideRows([...all, ...rows('EF', TEST_FILE)], { ...SPLIT, mixture: whole });
      expect(count(tested.slice(10, 30), 'train')).toBe(20);
      expect(tested.slice(30)).toEqual(['test', 'test']);
    });

    it('treats answers without a label as desirable if other answers are judged', () => {
      const entries = [{}, { desirable: false }, { starts: [1] }].map((own, line): Entry => {
        const row = { ids: [1, 2], labels: [-100, 2], line, ...own };
        return { file: line === 0 ? 0 : 2, line, state: 'ok', row, length: 2, supervised: 1 };
      });
      const judged = (some: readonly Entry[]): (boolean | undefined)[] =>
        divideEntries(some, [], {
          ...SPLIT,
          maxLength: 8,
          overlong: 'drop',
          validation: 0,
          test: 0,
          mixture,
        }).all.map(({ row }) => row?.desirable);
      expect(judged(entries)).toEqual([true, false, undefined]);
      expect(judged([entries[0], entries[2]])).toEqual([undefined, undefined]);
    });

    it('keeps as many rows to train on as the cap says, and moves no other', () => {
      const whole = divideRows(all, { ...SPLIT, mixture });
      const fates = divideRows(all, { ...SPLIT, mixture: { ...mixture, cap: 5 } });
      expect([count(fates.slice(0, 10), 'train'), count(fates.slice(10), 'train')]).toEqual([5, 5]);
      fates.forEach((fate, at) => expect(fate === 'capped' ? 'train' : fate).toBe(whole[at]));
    });

    it.each([
      ['proportional', 1, [6 / 18, 12 / 18]],
      ['equal', 1, [0.5, 0.5]],
      // √6 : √12
      ['temperature', 2, [1 / (1 + Math.SQRT2), Math.SQRT2 / (1 + Math.SQRT2)]],
      ['temperature', 1, [6 / 18, 12 / 18]],
    ] as const)('draws tasks in %s shares (T = %d)', (mix, temperature, shares) => {
      const asked = { ...mixture, mix, temperature };
      const fates = divideRows(all, { ...SPLIT, mixture: asked });
      const tasks = tasksOfRows(all, fates, asked);
      const told = new Map(tasks.flatMap((task) => (task ? [[task.name, task.share] as const] : [])));
      expect([...told.keys()]).toEqual(['a', 'b']);
      [...told.values()].forEach((share, at) => expect(share).toBeCloseTo(shares[at], 12));
    });

    it('takes shares that are given in proportion to each other', () => {
      const tasks = [
        { name: 'a', file: 0, share: 3 },
        { name: 'b', file: 2, share: 1 },
      ];
      const given = { tasks, mix: 'given' } as const;
      const told = tasksOfRows(all, divideRows(all, { ...SPLIT, mixture: given }), given);
      expect([told[0]?.share, told[29]?.share]).toEqual([0.75, 0.25]);
    });

    it('refuses a task without a row to train on', async () => {
      const skip = [[], [], Array.from({ length: 20 }, (_, at) => at + 1)];
      const fates = divideRows(all, { ...SPLIT, mixture, skip });
      await graftError(() => tasksOfRows(all, fates, mixture), 'data-rows');
    });
  });

  it('refuses to leave nothing to train on', async () => {
    await graftError(() => divideRows(rows('ab'), { ...SPLIT, skip: [[1, 2]] }), 'data-rows');
  });
});

test('a leak is a row that measures and is trained on; unused rows count for neither', () => {
  const { repeated, leaked } = findRepeats(
    ['a', 'b', 'a', 'b', undefined, undefined, 'b', 'a'],
    ['validation', 'train', 'train', 'train', 'test', 'train', 'test', undefined],
  );
  expect([...repeated]).toEqual([
    [2, 0],
    [3, 1],
    [6, 1],
  ]);
  expect([...leaked]).toEqual([
    [0, 2],
    [6, 1],
  ]);
});

describe('a list of rows to leave out', () => {
  it('is written in the form in which it is read', () => {
    expect(parseSkipped('12, 40-42,test:7,more:3,more2:9')).toEqual([[12, 40, 41, 42], [7], [3], [9]]);
    expect(writeSkipped([[42, 12, 40, 41], [7], [3, 4], [9]])).toBe('12,40-42,test:7,more:3-4,more2:9');
    expect(writeSkipped([])).toBe('');
    fc.assert(
      fc.property(
        fc.array(fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { minLength: 1 }), { maxLength: 4 }),
        (files) => {
          const sorted = files.map((lines) => [...lines].sort((a, b) => a - b));
          if (files.length > 0) expect(parseSkipped(writeSkipped(files))).toEqual(sorted);
        },
      ),
    );
  });

  it.each(['', '0', 'a', '5-3', '1-99999999', 'tests:3', '-4', '1,,2'])('refuses “%s”', async (text) => {
    await graftError(() => parseSkipped(text), 'arguments');
  });

  it('takes a row in and gives it back', () => {
    const one = withSkipped(undefined, 2, 5);
    expect(one).toEqual([[], [], [5]]);
    expect(withSkipped(withSkipped(one, 0, 9), 0, 3)).toEqual([[3, 9], [], [5]]);
    expect(withoutFile([[1], [2], [3], [4]], 2)).toEqual([[1], [2], [4]]);
    expect(withoutFile([[1], [2], [3]], 1)).toEqual([[1], [], [3]]);
    expect(withoutFile([[], [2]], 1)).toBeUndefined();
    expect(withoutSkipped(one, 2, 5)).toBeUndefined();
    expect(withoutSkipped(withSkipped(one, 0, 9), 2, 5)).toEqual([[9], [], []]);
  });
});
