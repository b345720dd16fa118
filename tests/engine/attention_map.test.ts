import { expect, test } from 'vitest';
import { attentionMap } from '../../src/engine/ops/attention_map.ts';
import * as reference from '../reference/attention.ts';
import { describeAdapters } from './adapters.ts';
import { constant, noise, runTape, stored, worstError } from './run.ts';

const CASES = [
  { name: 'one query and one key', ranges: [[0, 1]], N: 1, H: 1, KV: 1, D: 4 },
  { name: 'causal rows', ranges: Array.from({ length: 19 }, (_, m) => [0, m + 1]), N: 19, H: 4, KV: 2, D: 8 },
  {
    name: 'rows both ways',
    ranges: Array.from({ length: 9 }, (_, m) => (m < 5 ? [0, 5] : [5, 9])),
    N: 9,
    H: 3,
    KV: 3,
    D: 20,
  },
  {
    name: 'queries that see nothing',
    ranges: [
      [0, 0],
      [2, 7],
      [3, 3],
    ],
    N: 7,
    H: 2,
    KV: 1,
    D: 12,
  },
  {
    name: 'a window',
    ranges: Array.from({ length: 11 }, (_, m) => [0, m + 1]),
    N: 11,
    H: 2,
    KV: 2,
    D: 8,
    window: 3,
  },
  { name: 'large scores', ranges: [[0, 40]], N: 40, H: 2, KV: 1, D: 64, spread: 60 },
];

describeAdapters('The attention map', (context) => {
  for (const { name, ranges, N, H, KV, D, window = 0, spread = 1 } of CASES) {
    for (const dtype of ['f32', 'f16'] as const) {
      test.skipIf(dtype === 'f16' && !context.f16)(
        `is the softmax of the scores for ${name}, ${dtype}`,
        async () => {
          const M = ranges.length;
          const q = stored(noise(M * H * D, 1, spread), dtype);
          const k = stored(noise(N * KV * D, 2), dtype);
          const keyRanges = ranges.flat();
          const shape = { heads: H, kvHeads: KV, headSize: D, scale: 1 / Math.sqrt(D), window };
          const [map] = await runTape(context.device, (tape) => [
            attentionMap(tape, {
              q: constant(context.device, [M, H * D], q, dtype),
              k: constant(context.device, [N, KV * D], k, dtype),
              keyRanges: constant(context.device, [M, 2], keyRanges, 'u32'),
              ...shape,
            }),
          ]);
          const expected = reference.attentionMap({ q, k, v: k, keyRanges, ...shape });
          expect(worstError(map, expected)).toBeLessThan(spread > 1 ? 1e-4 : 1e-5);
          expected.forEach((value, i) => {
            if (value === 0) expect(map[i]).toBe(0);
          });
        },
      );
    }
  }
});
