/** Attention over rows that share their first tokens, in a tree: several ranges of keys for each query, compared with every row laid out in full. */
import { describe, expect, test } from 'vitest';
import { attention } from '../../src/engine/ops/attention.ts';
import type { AttentionFamily } from '../../src/engine/webgpu/lower/attention.ts';
import * as reference from '../reference/attention.ts';
import { describeDevice } from './adapters.ts';
import { backwardFrom, constant, noise, runTape, stored, watch, worstError } from './run.ts';

/** Tokens that rows share, and what follows them: the tokens of a row, or tokens that some of the rows share. */
interface Group {
  prefix: number;
  branches: (number | Group)[];
}

interface Case {
  name: string;
  groups: Group[];
  H: number;
  KV: number;
  D: number;
  window?: number;
}

const CASES: Case[] = [
  { name: 'one group', groups: [{ prefix: 5, branches: [3, 4] }], H: 2, KV: 1, D: 8 },
  { name: 'a long prefix', groups: [{ prefix: 130, branches: [3, 20, 1, 45] }], H: 4, KV: 2, D: 32 },
  {
    name: 'groups and rows between them',
    groups: [
      { prefix: 0, branches: [7] },
      { prefix: 40, branches: [30, 2] },
      { prefix: 0, branches: [33] },
      { prefix: 1, branches: [9, 9, 9] },
      { prefix: 0, branches: [1] },
    ],
    H: 3,
    KV: 1,
    D: 16,
  },
  {
    name: 'a window that ends in the prefix',
    groups: [
      { prefix: 20, branches: [6, 30] },
      { prefix: 0, branches: [40] },
      { prefix: 3, branches: [4, 5] },
    ],
    H: 4,
    KV: 2,
    D: 8,
    window: 12,
  },
  { name: 'a window of one', groups: [{ prefix: 4, branches: [3, 3] }], H: 2, KV: 2, D: 32, window: 1 },
  {
    name: 'groups in groups',
    groups: [
      { prefix: 9, branches: [5, { prefix: 20, branches: [4, 1, { prefix: 3, branches: [7, 40] }] }, 2] },
      { prefix: 0, branches: [3] },
      { prefix: 2, branches: [{ prefix: 1, branches: [1, 1] }, 6, { prefix: 70, branches: [5, 12] }] },
    ],
    H: 4,
    KV: 2,
    D: 16,
  },
  {
    name: 'windows that end in each of several groups',
    groups: [
      {
        prefix: 15,
        branches: [
          { prefix: 6, branches: [2, 9, { prefix: 4, branches: [{ prefix: 3, branches: [5, 30] }, 1] }] },
          8,
        ],
      },
    ],
    H: 2,
    KV: 1,
    D: 8,
    window: 11,
  },
];

interface Place {
  at: number;
  first: boolean;
}

const depthOf = (group: number | Group): number =>
  typeof group === 'number' ? 1 : 1 + Math.max(...group.branches.map(depthOf));
const lengthOf = (group: number | Group): number =>
  typeof group === 'number'
    ? group
    : group.branches.reduce<number>((sum, branch) => sum + lengthOf(branch), group.prefix);

/** The rows laid out with their prefixes once, and where each of their tokens lies; rows end to end hold these tokens in full. */
function layOut({ groups }: Case) {
  const ranges = Math.max(...groups.map(depthOf));
  const keyRanges: number[] = [];
  const queryRanges: number[] = [];
  /** For each token of the rows in full, where it lies, and whether it is the first row of its group. */
  const places: Place[] = [];
  const fullRanges: number[] = [];
  let at = 0;
  /** @param before the ranges of keys that its tokens share with other rows @param path places of the tokens before it, and whether it is their first row */
  const put = (group: number | Group, before: readonly number[], path: readonly Place[]): void => {
    const { prefix, branches } = typeof group === 'number' ? { prefix: group, branches: [] } : group;
    const start = at;
    const end = start + lengthOf(group);
    const own: Place[] = [];
    for (let t = 0; t < prefix; t++, at++) {
      const seen = [...before, start, at + 1];
      keyRanges.push(...seen, ...Array<number>(2 * ranges - seen.length).fill(0));
      queryRanges.push(at, end);
      own.push({ at, first: true });
    }
    branches.forEach((branch, index) =>
      put(
        branch,
        [...before, start, start + prefix],
        [...path, ...own].map((place) => ({ ...place, first: place.first && index === 0 })),
      ),
    );
    if (branches.length > 0) return;
    const full = places.length;
    places.push(...path, ...own);
    for (let t = full; t < places.length; t++) fullRanges.push(full, t + 1);
  };
  for (const group of groups) put(group, [], []);
  return { M: at, ranges, keyRanges, queryRanges, places, fullRanges };
}

/** Rows of `width` numbers of the tokens of the rows in full. */
const expanded = (of: Float64Array, width: number, places: readonly { at: number }[]): Float64Array =>
  Float64Array.from(places.flatMap(({ at }) => [...of.subarray(at * width, (at + 1) * width)]));

/** Sums of the rows of each token over its copies. */
function collected(of: Float64Array, width: number, places: readonly { at: number }[], M: number) {
  const sums = new Float64Array(M * width);
  places.forEach(({ at }, t) => {
    for (let i = 0; i < width; i++) sums[at * width + i] += of[t * width + i];
  });
  return sums;
}

function expectClose(actual: Float64Array, expected: Float64Array): void {
  // A query of one key has no gradient, up to rounding.
  if (expected.every((value) => Math.abs(value) < 1e-12))
    expect(Math.max(...actual.map(Math.abs))).toBeLessThan(1e-5);
  else expect(worstError(actual, expected)).toBeLessThan(1e-5);
}

describeDevice('attention with shared prefixes', (context) => {
  const families: AttentionFamily[] = context.webgpu ? ['lanes', 'tiles'] : ['lanes'];
  for (const family of families) {
    describe(family, () => {
      for (const one of CASES) {
        test(`${one.name}: equals the rows in full`, async () => {
          const { device } = context;
          const { H, KV, D, window } = one;
          const { M, ranges, keyRanges, queryRanges, places, fullRanges } = layOut(one);
          const q = stored(noise(M * H * D, 1), 'f32');
          const k = stored(noise(M * KV * D, 2), 'f32');
          const v = stored(noise(M * KV * D, 3), 'f32');
          const dO = stored(noise(M * H * D, 4), 'f32');
          const settings = { heads: H, kvHeads: KV, headSize: D, scale: 1 / Math.sqrt(D), window };
          const tensors = {
            q: constant(device, [M, H * D], q, 'f32'),
            k: constant(device, [M, KV * D], k, 'f32'),
            v: constant(device, [M, KV * D], v, 'f32'),
            keyRanges: constant(device, [M, 2 * ranges], keyRanges, 'u32'),
            queryRanges: constant(device, [M, 2], queryRanges, 'u32'),
          };
          const gradient = constant(device, [M, H * D], dO, 'f32');
          const [o, dq, dk, dv] = await runTape(device, (tape) => {
            const gradients = watch(tape, tensors.q, tensors.k, tensors.v);
            const out = attention(tape, { ...tensors, ...settings, family });
            backwardFrom(tape, out, gradient);
            return [out, ...gradients()];
          });
          // Without a backward, as in a validation.
          const [forward] = await runTape(
            device,
            (tape) => [attention(tape, { ...tensors, ...settings })],
            false,
          );

          const problem = {
            q: expanded(q, H * D, places),
            k: expanded(k, KV * D, places),
            v: expanded(v, KV * D, places),
            keyRanges: fullRanges,
            ...settings,
          };
          const full = reference.attention(problem);
          // A shared token has its gradient once, not once in each row.
          const dFull = expanded(dO, H * D, places).map((value, i) =>
            places[Math.floor(i / (H * D))].first ? value : 0,
          );
          const expected = reference.attentionBackward(problem, dFull);
          expectClose(expanded(o, H * D, places), full);
          expectClose(expanded(forward, H * D, places), full);
          expectClose(dq, collected(expected.dq, H * D, places, M));
          expectClose(dk, collected(expected.dk, KV * D, places, M));
          expectClose(dv, collected(expected.dv, KV * D, places, M));
        });
      }
    });
  }
});
