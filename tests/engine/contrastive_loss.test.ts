/** The loss of queries against all texts of a batch, against float64: loss, gradient and reported sums. */
import { expect, test } from 'vitest';
import {
  CANDIDATE,
  CONTRASTIVE_SUMS,
  contrastiveLoss,
  NO_TEXT,
} from '../../src/engine/ops/contrastive_loss.ts';
import { LOSS_SLOT, OWN_SLOT } from '../../src/engine/ops/step.ts';
import { describeAdapters } from './adapters.ts';
import { constant, noise, runTape, watch, worstError } from './run.ts';

interface Case {
  readonly C: number;
  /** Texts of each row: its query, its own text, and its negatives. */
  readonly rows: readonly number[];
  readonly temperature: number;
}

/** Rows of length 1 by the definition, so that a finite difference may leave the sphere. */
function expected(x: readonly number[], roles: readonly number[], { C, temperature }: Case) {
  const S = roles.length;
  const cosine = (i: number, j: number, of: readonly number[]): number => {
    let sum = 0;
    for (let c = 0; c < C; c++) sum += of[i * C + c] * of[j * C + c];
    return sum;
  };
  const lossOf = (of: readonly number[]): number[] => {
    const sums = [0, 0, 0, 0];
    for (let i = 0; i < S; i++) {
      if (roles[i] >= CANDIDATE) continue;
      const others = roles.flatMap((role, j) =>
        role === CANDIDATE && j !== roles[i] ? [cosine(i, j, of)] : [],
      );
      const own = cosine(i, roles[i], of);
      sums[0] += Math.log([own, ...others].reduce((sum, s) => sum + Math.exp((s - own) / temperature), 0));
      if (others.length === 0) {
        sums[1]++;
        sums[2] += own;
        continue;
      }
      sums[1] += Number(own > Math.max(...others));
      sums[2] += own;
      sums[3] += Math.max(...others);
    }
    return sums;
  };
  const gradient = x.map((_, at) => {
    const moved = (by: number): number => lossOf(x.map((value, i) => (i === at ? value + by : value)))[0];
    return (moved(1e-5) - moved(-1e-5)) / 2e-5;
  });
  return { sums: lossOf(x), gradient };
}

function rolesOf({ rows }: Case): number[] {
  const roles = rows.flatMap((texts, row) => {
    const first = rows.slice(0, row).reduce((sum, count) => sum + count, 0);
    return Array.from({ length: texts }, (_, at) => (at === 0 ? first + 1 : CANDIDATE));
  });
  while (roles.length % 4 !== 0) roles.push(NO_TEXT);
  return roles;
}

const CASES: Case[] = [
  { C: 4, rows: [2], temperature: 1 },
  { C: 8, rows: [2, 2], temperature: 0.05 },
  { C: 12, rows: [2, 5, 2, 3], temperature: 0.2 },
  // More queries than threads.
  { C: 4, rows: new Array<number>(70).fill(2), temperature: 0.5 },
];

describeAdapters('Contrastive loss', (context) => {
  test.each(CASES)('$rows.length rows of $C numbers at a temperature of $temperature', async (one) => {
    const { device } = context;
    const roles = rolesOf(one);
    const S = roles.length;
    const raw = noise(S * one.C, 1);
    const x = Array.from(raw, (value, at) => {
      const row = raw.slice(at - (at % one.C), at - (at % one.C) + one.C);
      return Math.fround(value / Math.hypot(...row));
    });
    const scale = 0.7;
    const total = device.upload([OWN_SLOT + CONTRASTIVE_SUMS], 'f32', 'total');
    const [, gradient] = await runTape(device, (tape) => {
      const rows = constant(device, [S, one.C], x);
      const gradients = watch(tape, rows);
      const inputs = { x: rows, roles: constant(device, [S], roles, 'u32'), total };
      tape.backward(contrastiveLoss(tape, inputs, one.temperature), scale);
      return [rows, ...gradients()];
    });
    const stats = new Float32Array(await device.read(total));
    const wanted = expected(x, roles, one);
    const found = [stats[LOSS_SLOT], ...stats.subarray(OWN_SLOT)];
    wanted.sums.forEach((sum, i) =>
      expect(Math.abs(found[i] - sum)).toBeLessThan(1e-5 * Math.max(1, Math.abs(sum))),
    );
    expect(
      worstError(
        gradient,
        wanted.gradient.map((value) => scale * value),
      ),
    ).toBeLessThan(2e-5);
  });
});
