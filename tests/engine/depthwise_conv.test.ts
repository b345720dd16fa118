/** The convolution over the tokens of packed sequences, trees of shared prefixes and states, against each sequence by itself in float64. */
import { expect, test } from 'vitest';
import { depthwiseConv, linkFollowing } from '../../src/engine/ops/depthwise_conv.ts';
import { NO_ROW } from '../../src/engine/ops/gather_rows.ts';
import type { DType } from '../../src/engine/tensor.ts';
import { describeAdapters } from './adapters.ts';
import { backwardFrom, constant, noise, runTape, stored, watch, worstError } from './run.ts';

interface Case {
  readonly name: string;
  readonly C: number;
  readonly L: number;
  /** The rows of each sequence, in its order: a row of several sequences is a shared token. From M on they are rows of the state. */
  readonly sequences: readonly (readonly number[])[];
  /** Rows of x, and of the state. */
  readonly M: number;
  readonly N?: number;
  readonly dtype?: DType;
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

const CASES: Case[] = [
  { name: 'one token of one channel', C: 1, L: 2, M: 1, sequences: [[0]] },
  {
    name: 'packed sequences, and a row of padding',
    C: 67,
    L: 3,
    M: 16,
    sequences: [range(0, 7), [7], range(8, 10), range(10, 15)],
  },
  {
    name: 'trees: groups with a prefix of several, of one and of no token',
    C: 21,
    L: 4,
    M: 22,
    sequences: [
      ...[range(5, 8), [8], range(9, 13)].map((rest) => [...range(0, 5), ...rest]),
      ...[range(14, 16), range(16, 19)].map((rest) => [13, ...rest]),
      range(19, 22),
    ],
  },
  { name: 'half precision', C: 130, L: 3, M: 9, sequences: [range(0, 4), range(4, 9)], dtype: 'f16' },
];

/** A piece of two sequences whose earlier tokens are in the state, one of which starts in the piece. */
const STATE: Case = {
  ...{ name: 'state', C: 10, L: 3, M: 5, N: 4 },
  sequences: [
    [5 + 3, 5 + 1, 0, 1],
    [5 + 2, 2],
    [3, 4],
  ],
};

/** The rows before each token. */
function previousOf({ sequences, M, L }: Case): Uint32Array<ArrayBuffer> {
  const previous = new Uint32Array(M * (L - 1)).fill(NO_ROW);
  for (const rows of sequences)
    rows.forEach((m, t) => {
      if (m >= M) return;
      for (let k = 1; k < L && k <= t; k++) previous[m * (L - 1) + k - 1] = rows[t - k];
    });
  return previous;
}

/** y, and the gradients of x and w, by the definition. A shared token has its result once. */
function reference(
  { sequences, C, L, M }: Case,
  { x, w, bias, dy }: Record<'x' | 'w' | 'bias' | 'dy', Float64Array>,
) {
  const y = Float64Array.from({ length: M * C }, (_, i) => w[(i % C) * L + L - 1] * x[i] + bias[i % C]);
  const dx = Float64Array.from({ length: M * C }, (_, i) => w[(i % C) * L + L - 1] * dy[i]);
  const dw = new Float64Array(C * L);
  for (let i = 0; i < M * C; i++) dw[(i % C) * L + L - 1] += dy[i] * x[i];
  const done = new Set<number>();
  for (const rows of sequences)
    rows.forEach((m, t) => {
      if (m >= M || done.has(m)) return;
      done.add(m);
      for (let k = 1; k < L && k <= t; k++)
        for (let c = 0; c < C; c++) {
          const from = rows[t - k] * C + c;
          const tap = c * L + L - 1 - k;
          y[m * C + c] += w[tap] * x[from];
          dx[from] += w[tap] * dy[m * C + c];
          dw[tap] += dy[m * C + c] * x[from];
        }
    });
  return { y, dx, dw };
}

describeAdapters('Depthwise convolution', (context) => {
  const shown = context.all ? CASES : CASES.slice(2, 3);
  for (const one of shown) {
    const { name, C, L, M, dtype = 'f32' } = one;
    test.skipIf(dtype === 'f16' && !context.f16)(name, async () => {
      const { device } = context;
      const [x, dy, before] = [1, 2, 3].map((seed) => stored(noise(M * C, seed), dtype));
      const [w, bias] = [noise(C * L, 4), noise(C, 5)];
      const previous = previousOf(one);
      const input = constant(device, [M, C], x, dtype);
      const filter = constant(device, [C, L], w, 'f32', true);
      const offset = constant(device, [C], bias, 'f32', true);
      const [y, dx, dw, db] = await runTape(device, (tape) => {
        const gradients = watch(tape, input);
        // Another use of x: its gradient is added to.
        const gradient = constant(device, [M, C], before, dtype);
        const again = tape.tensor([M, C], dtype, 'again');
        const out = depthwiseConv(tape, input, {
          ...{ w: filter, bias: offset },
          previous: constant(device, [M, L - 1], previous, 'u32'),
          following: constant(device, [M, L - 1, 2], linkFollowing(previous, L - 1), 'u32'),
        });
        tape.record([again], [input], () => tape.passGradient(input, gradient));
        const loss = tape.tensor([1], 'f32', 'loss');
        tape.record([loss], [out, again], () => {
          tape.passGradient(out, constant(device, [M, C], dy, dtype));
          tape.passGradient(again, gradient);
        });
        tape.backward(loss);
        return [out, ...gradients(), filter.gradient!, offset.gradient!];
      });
      const expected = reference(one, { x, w, bias, dy });
      const limit = dtype === 'f16' ? 3e-3 : 1e-5;
      expect(worstError(y, expected.y)).toBeLessThan(limit);
      const added = expected.dx.map((value, i) => value + before[i]);
      expect(worstError(dx, added)).toBeLessThan(limit);
      expect(worstError(dw, expected.dw)).toBeLessThan(1e-5);
      const sums = Float64Array.from({ length: C }, (_, c) =>
        dy.reduce((sum, value, i) => sum + (i % C === c ? value : 0), 0),
      );
      expect(worstError(db, sums)).toBeLessThan(1e-5);
    });
  }

  test('tokens of earlier replays', async () => {
    const { device } = context;
    const { C, L, M, N = 0 } = STATE;
    const all = noise((M + N) * C, 1);
    const w = noise(C * L, 2);
    const [y] = await runTape(
      device,
      (tape) => [
        depthwiseConv(tape, constant(device, [M, C], all.subarray(0, M * C)), {
          w: constant(device, [C, L], w),
          previous: constant(device, [M, L - 1], previousOf(STATE), 'u32'),
          state: constant(device, [N, C], all.subarray(M * C)),
        }),
      ],
      false,
    );
    const nothing = new Float64Array(C);
    const expected = reference(STATE, { x: all, w, bias: nothing, dy: new Float64Array(M * C) });
    expect(worstError(y, expected.y)).toBeLessThan(1e-5);
  });

  test('sizes that do not fit, and a gradient without the following tokens', async () => {
    const { device } = context;
    const x = constant(device, [2, 3], noise(6, 1));
    const previous = constant(device, [2, 2], [NO_ROW, NO_ROW, 0, NO_ROW], 'u32');
    const run = (w: number[], options: object = {}): Promise<unknown> =>
      runTape(device, (tape) => {
        watch(tape, x);
        const filter = constant(device, w, noise(w[0] * w[1], 2));
        const y = depthwiseConv(tape, x, { w: filter, previous, ...options });
        backwardFrom(tape, y, x);
        return [y];
      });
    await expect(run([3, 3])).rejects.toThrow(/following/);
    await expect(run([3, 4])).rejects.toThrow(/filter \[3,4\]/);
    await expect(run([3, 1])).rejects.toThrow(/filter/);
    await expect(run([2, 3])).rejects.toThrow(/filter/);
    await expect(run([3, 3], { bias: previous })).rejects.toThrow(/filter/);
  });
});
