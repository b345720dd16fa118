import { operationKind } from '../operation.ts';
import type { Tape } from '../tape.ts';
import type { Tensor } from '../tensor.ts';

/** y[s] = Σ x[r] over the rows r of sequence s: rows ranges[s, 0] to ranges[s, 1], the end excluded. */
export const sequenceSumsKind = operationKind<{ x: Tensor; ranges: Tensor; y: Tensor }, null>(
  'sequence_sums',
);

/** dx[r] = dy[s] for the rows r of each sequence s, and 0 for rows of none. */
export const sequenceSumsBackward = operationKind<{ dy: Tensor; ranges: Tensor; dx: Tensor }, null>(
  'sequence_sums.backward',
);

/**
 * The sum of what the rows of each sequence have, such as the log-probability of a whole answer. The gradient of rows of no sequence is 0.
 *
 * @param x f32 [R]
 * @param ranges u32 [S, 2], the first row of each sequence and the one after its last; an empty range gives 0
 * @returns f32 [S], which the host may read after a replay
 */
export function sequenceSums(tape: Tape, x: Tensor, ranges: Tensor): Tensor {
  const y = tape.pinned([ranges.rows], 'f32', 'sums of sequences');
  tape.append(sequenceSumsKind, { x, ranges, y }, null);
  tape.record([y], [x], () => {
    const dy = tape.gradient(y);
    const dx = tape.tensor(x.shape, 'f32', `d ${x.label}`);
    tape.append(sequenceSumsBackward, { dy, ranges, dx }, null);
    tape.passGradient(x, dx);
  });
  return y;
}
