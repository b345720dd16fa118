import { describe, expect, it } from 'vitest';
import type { LabelledTokens } from '../../../src/model/batch.ts';
import { microBatches, MAX_VALIDATION_ROWS, RowOrder, validationRows } from '../../../src/train/order.ts';

/** Rows without a task. */
const plain = (count: number): LabelledTokens[] =>
  Array.from({ length: count }, () => ({ ids: [1, 2], labels: [-100, 2] }));

/** The first `steps` steps, one after the other. */
function taken(count: number, options: ConstructorParameters<typeof RowOrder>[1], steps: number): number[] {
  const order = new RowOrder(plain(count), options);
  return Array.from({ length: steps }, (_, step) => order.rowsOf(step)).flat();
}

it('a validation measures a limited number of rows, spread over the part', () => {
  const rows = Array.from({ length: 10_000 }, (_, i) => i);
  const measured = validationRows(rows);
  expect(measured).toHaveLength(MAX_VALIDATION_ROWS);
  expect(new Set(measured).size).toBe(MAX_VALIDATION_ROWS);
  const mean = measured.reduce((sum, row) => sum + row, 0) / measured.length;
  expect(Math.abs(mean - 5000)).toBeLessThan(20);
  expect(validationRows(rows.slice(0, MAX_VALIDATION_ROWS))).toEqual(rows.slice(0, MAX_VALIDATION_ROWS));
});

describe('the order of rows', () => {
  const file = { seed: 1, shuffle: false, batch: 2, accumulate: 2 };

  it('is that of the file if it is not shuffled, wrapping around in the middle of a step', () => {
    expect(taken(5, file, 3)).toEqual([0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]);
  });

  it('wraps around several times in a step that is larger than the file', () => {
    expect(taken(3, { ...file, batch: 4 }, 1)).toEqual([0, 1, 2, 0, 1, 2, 0, 1]);
    // More epochs in a step than are remembered.
    expect(taken(1, { ...file, batch: 50, shuffle: true }, 2)).toEqual(new Array(200).fill(0));
  });

  it('shuffled takes every row once an epoch, each epoch in another order', () => {
    const rows = taken(16, { ...file, shuffle: true }, 8);
    const [first, second] = [rows.slice(0, 16), rows.slice(16)];
    const all = Array.from({ length: 16 }, (_, i) => i);
    expect([...first].sort((a, b) => a - b)).toEqual(all);
    expect([...second].sort((a, b) => a - b)).toEqual(all);
    expect(first).not.toEqual(all);
    expect(second).not.toEqual(first);
  });

  it('follows only from the seed and the step', () => {
    const options = { ...file, shuffle: true, seed: 7 };
    const rows = taken(11, options, 9);
    expect(taken(11, options, 9)).toEqual(rows);
    expect(taken(11, { ...options, seed: 8 }, 9)).not.toEqual(rows);
    // A resumed run asks for a late step first, and for steps in any order.
    const order = new RowOrder(plain(11), options);
    for (const step of [8, 0, 5, 8, 3])
      expect(order.rowsOf(step)).toEqual(rows.slice(step * 4, step * 4 + 4));
  });
});

describe('the order of a mixture', () => {
  const options = { seed: 3, shuffle: true, batch: 4, accumulate: 2 };
  /** Rows of tasks with these sizes and shares, in the order of the tasks. */
  const mixed = (...tasks: readonly (readonly [rows: number, share: number])[]): LabelledTokens[] =>
    tasks.flatMap(([rows, share], at) =>
      plain(rows).map((row) => ({ ...row, task: { name: `task ${at}`, share } })),
    );
  const rows = mixed([10, 0.5], [100, 0.3], [1000, 0.2]);
  const taskOf = (place: number): number => (place < 10 ? 0 : place < 110 ? 1 : 2);

  it('draws tasks by their shares', () => {
    const order = new RowOrder(rows, options);
    const counts = [0, 0, 0];
    const STEPS = 2500;
    for (let step = 0; step < STEPS; step++) for (const place of order.rowsOf(step)) counts[taskOf(place)]++;
    // 20,000 draws: three standard deviations are about 1%.
    [0.5, 0.3, 0.2].forEach((share, task) =>
      expect(Math.abs(counts[task] / (STEPS * 8) - share)).toBeLessThan(0.011),
    );
  });

  it('takes no row of a task again before all of it were taken', () => {
    const order = new RowOrder(rows, options);
    const drawn: number[][] = [[], [], []];
    for (let step = 0; step < 500; step++)
      for (const place of order.rowsOf(step)) drawn[taskOf(place)].push(place);
    const sizes = [10, 100, 1000];
    drawn.forEach((places, task) => {
      const epochs = Math.ceil(places.length / sizes[task]);
      for (let epoch = 0; epoch < epochs; epoch++) {
        const own = places.slice(epoch * sizes[task], (epoch + 1) * sizes[task]);
        expect(new Set(own).size).toBe(own.length);
      }
    });
    expect(drawn[0].slice(0, 10)).not.toEqual(drawn[0].slice(10, 20));
  });

  it('follows only from the seed and the step, even far into a run', () => {
    const whole = new RowOrder(rows, options);
    const steps = Array.from({ length: 700 }, (_, step) => whole.rowsOf(step));
    for (const step of [699, 3, 300, 128, 127]) {
      expect(new RowOrder(rows, options).rowsOf(step)).toEqual(steps[step]);
      expect(whole.rowsOf(step)).toEqual(steps[step]);
    }
    expect(new RowOrder(rows, { ...options, seed: 4 }).rowsOf(0)).not.toEqual(steps[0]);
  });

  it('keeps rows of one task together in a step, and in separate micro-batches', () => {
    const order = new RowOrder(rows, options);
    const step = order.rowsOf(0).map((place) => rows[place]);
    const groups = microBatches(step, { batch: 4, maxLength: 8, packing: false });
    for (const group of groups) expect(new Set(group.map(({ task }) => task?.name)).size).toBe(1);
    const packed = microBatches(step, { batch: 8, maxLength: 64, packing: true });
    expect(packed).toHaveLength(new Set(step.map(({ task }) => task?.name)).size);
  });
});

describe('micro-batches', () => {
  const row = (length: number): { ids: number[]; labels: number[] } => ({
    ids: new Array<number>(length).fill(5),
    labels: new Array<number>(length).fill(5),
  });
  const lengths = (groups: { ids: number[] }[][]): number[][] =>
    groups.map((group) => group.map(({ ids }) => ids.length));

  it('hold `batch` rows each without packing, whatever their length', () => {
    const rows = [9, 1, 30, 4, 2].map(row);
    expect(lengths(microBatches(rows, { batch: 2, maxLength: 10, packing: false }))).toEqual([
      [9, 1],
      [30, 4],
      [2],
    ]);
  });

  it('hold as many tokens as fit with packing, in order', () => {
    const options = { batch: 2, maxLength: 10, packing: true };
    expect(lengths(microBatches([8, 8, 4, 1, 20, 3].map(row), options))).toEqual([[8, 8, 4], [1], [20], [3]]);
    // Exactly full, and a row that is longer than all the room.
    expect(lengths(microBatches([10, 10, 1].map(row), options))).toEqual([[10, 10], [1]]);
    expect(lengths(microBatches([5, 50, 5].map(row), options))).toEqual([[5], [50], [5]]);
  });

  it('do not exist without rows', () => {
    expect(microBatches([], { batch: 2, maxLength: 10, packing: true })).toEqual([]);
  });
});
