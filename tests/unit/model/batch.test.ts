/** Rows as the inputs of a plan, written down by hand. */
import { expect, test } from 'vitest';
import { NO_LABEL } from '../../../src/engine/ops/cross_entropy.ts';
import { NO_ROW } from '../../../src/engine/ops/gather_rows.ts';
import type { Plan } from '../../../src/engine/plan.ts';
import { Tape } from '../../../src/engine/tape.ts';
import type { Target } from '../../../src/engine/target.ts';
import { Tensor } from '../../../src/engine/tensor.ts';
import { FIRST_VIRTUAL } from '../../../src/engine/ops/embedding.ts';
import {
  batchTensors,
  countSupervised,
  sizeOfRows,
  writeBatch,
  type Bucket,
  type LabelledTokens,
} from '../../../src/model/batch.ts';
import { withoutVirtual, withVirtual } from '../../../src/model/virtual-tokens.ts';

const X = -100;
const ROWS: readonly LabelledTokens[] = [
  { ids: [5, 6, 7], labels: [X, 6, 7] },
  { ids: [8, 9], labels: [X, 9] },
];

/** The inputs by name, and how many tokens are supervised. */
function written(
  rows: readonly LabelledTokens[],
  bucket: Bucket,
  recent = 0,
): Record<string, number[] | number> {
  const tape = new Tape({} as Target, true);
  const tensors = {
    ...batchTensors(tape, bucket, { recent }),
    ...(bucket.sequences && { desirable: tape.pinned([bucket.sequences], 'f32', 'desirable') }),
  };
  const values = new Map<Tensor, number[]>();
  const plan: Pick<Plan, 'write'> = {
    write: (tensor, array) => void values.set(tensor, Array.from(array as Uint32Array)),
  };
  const supervised = writeBatch(plan as Plan, tensors, rows);
  const inputs = Object.entries(tensors).flatMap(([name, tensor]) =>
    tensor instanceof Tensor ? [[name, values.get(tensor)!]] : [],
  );
  return { ...Object.fromEntries(inputs), supervised };
}

test('rows lie end to end, each with its own positions, and see only themselves', () => {
  expect(written(ROWS, { tokens: 6, rows: 4 })).toEqual({
    ids: [5, 6, 7, 8, 9, 0],
    positions: [0, 1, 2, 0, 1, 0],
    // The keys that each token sees, and the tokens that see it.
    keyRanges: [0, 1, 0, 2, 0, 3, 3, 4, 3, 5, 5, 6],
    queryRanges: [0, 3, 1, 3, 2, 3, 3, 5, 4, 5, 5, 6],
    // Token m predicts the label of token m + 1.
    rows: [0, 1, 3, NO_ROW],
    inverse: [0, 1, NO_ROW, 2, NO_ROW, NO_ROW],
    labels: [6, 7, 9, NO_LABEL],
    supervised: 3,
  });
});

test('rows that start alike have their first tokens once, and each predicts its own first label', () => {
  const rows: readonly LabelledTokens[] = [
    { ids: [1, 2, 3, 4], labels: [X, X, X, 4] },
    { ids: [9, 8], labels: [X, 8] },
    { ids: [1, 2, 5], labels: [X, X, 5] },
  ];
  expect(sizeOfRows(rows, 4)).toEqual({ tokens: 8, rows: 3, ranges: 2 });
  expect(written(rows, { tokens: 9, rows: 4, ranges: 2 })).toEqual({
    ids: [1, 2, 3, 4, 2, 5, 9, 8, 0],
    positions: [0, 1, 2, 3, 1, 2, 0, 1, 0],
    // The first branch continues the range of the prefix.
    keyRanges: [
      ...[0, 1, 0, 0],
      ...[0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0],
      ...[0, 1, 4, 5, 0, 1, 4, 6],
      ...[6, 7, 0, 0, 6, 8, 0, 0],
      ...[8, 9, 0, 0],
    ],
    queryRanges: [0, 6, 1, 4, 2, 4, 3, 4, 4, 6, 5, 6, 6, 8, 7, 8, 8, 9],
    rows: [2, 6, 4, NO_ROW],
    inverse: [NO_ROW, NO_ROW, 0, NO_ROW, 2, NO_ROW, 1, NO_ROW, NO_ROW],
    labels: [4, 8, 5, NO_LABEL],
    supervised: 3,
  });
});

test('a model with convolutions gets the tokens before each, through its prefix, and the tokens after each', () => {
  const rows: readonly LabelledTokens[] = [
    { ids: [1, 2, 3], labels: [X, X, 3] },
    { ids: [9], labels: [X] },
    { ids: [1, 2, 5], labels: [X, X, 5] },
  ];
  // [1 | 2 3 | 2 5 | 9 | padding]
  const { previous, following } = written(rows, { tokens: 7, rows: 2, ranges: 2 }, 2);
  const none = NO_ROW;
  expect(previous).toEqual([none, none, 0, none, 1, 0, 0, none, 3, 0, none, none, none, none].flat());
  expect(following).toEqual([
    // Of token 0, both branches: 1 and 3 follow it, 2 and 4 are two tokens on.
    ...[1, none, 2, none],
    ...[2, 3, none, none],
    ...[none, none, none, 4],
    ...[4, none, none, none],
    ...Array<number>(12).fill(none),
  ]);
  const plain = written(ROWS, { tokens: 5, rows: 3 }, 2);
  expect(plain['previous']).toEqual([none, none, 0, none, 1, 0, none, none, 3, none]);
});

test('the sequences of a row do not see each other, and have the sign of their row', () => {
  const row = { ids: [1, 2, 3, 1, 2, 4, 6], labels: [X, X, 3, X, X, 4, 6], starts: [3] };
  const inputs = written(
    [
      { ...row, desirable: false },
      { ids: [1, 3, 1, 4], labels: [X, 3, X, 4], starts: [2], desirable: true },
    ],
    { tokens: 11, rows: 5, sequences: 4 },
  );
  expect(inputs).toMatchObject({
    positions: [0, 1, 2, 0, 1, 2, 3, 0, 1, 0, 1],
    rows: [1, 4, 5, 7, 9],
    labels: [3, 4, 6, 3, 4],
    sequenceRanges: [0, 1, 1, 3, 3, 4, 4, 5],
    desirable: [-1, -1, 1, 1],
  });
  expect(sizeOfRows([row])).toEqual({ tokens: 7, rows: 3, sequences: 2 });
});

test('a label counts from the second token on', () => {
  expect(countSupervised({ ids: [5, 6, 7], labels: [5, 6, X] })).toBe(1);
});

test('virtual tokens stand before each sequence without a label, and can be taken away', () => {
  const row = { ids: [1, 3, 1, 4], labels: [X, 3, X, 4], starts: [2] };
  const [longer] = withVirtual([row], 2);
  const [V, W] = [FIRST_VIRTUAL, FIRST_VIRTUAL + 1];
  expect(longer).toEqual({
    ids: [V, W, 1, 3, V, W, 1, 4],
    labels: [X, X, X, 3, X, X, X, 4],
    starts: [4],
  });
  expect(withoutVirtual([longer])).toEqual([row]);
});
