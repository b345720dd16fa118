/** The clipped surrogate over the tokens of sampled sequences, against float64: loss, gradient, and reported sums. */
import { expect, test } from 'vitest';
import { ON_POLICY, policyLoss, POLICY_SUMS, type PolicyNumbers } from '../../src/engine/ops/policy_loss.ts';
import { LOSS_SLOT, OWN_SLOT } from '../../src/engine/ops/step.ts';
import { describeAdapters } from './adapters.ts';
import { constant, noise, runTape, watch, worstError } from './run.ts';

/** Rows of sequences of many lengths, with rows of none between them. */
const LENGTHS = [1, 70, 0, 129, 3, 64, 2];
const RANGES = LENGTHS.map((_, s) => {
  const first = LENGTHS.slice(0, s).reduce((sum, length) => sum + length + 1, 2);
  return [first, first + LENGTHS[s]];
});
const R = RANGES.at(-1)![1] + 5;
const ADVANTAGES = [0.7, -1.2, 0.5, 1.1, -0.4, 0, 2];
/** The fourth is left out. */
const WEIGHTS = [0.5, 0.01, 1, 0.02, 0, 0.25, 1.5].map(Math.fround);

const logps = noise(R, 1).map((x) => Math.fround(-0.1 - Math.abs(x)));
/** Ratios on both sides of the unclipped range; the third sequence is of the policy itself. */
const old = noise(R, 2, 0.3).map((x, r) =>
  r >= RANGES[3][0] && r < RANGES[3][1] ? ON_POLICY : Math.fround(Math.min(-0.01, logps[r] + x)),
);
const reference = noise(R, 3, 0.5).map((x, r) => Math.fround(logps[r] + x));

/** In float64, by the definition; the gradient by a central difference of one token's term. */
function expected({ epsilon, epsilonHigh, beta, correctKl }: PolicyNumbers, scale: number) {
  const term = (logp: number, r: number, a: number): { loss: number; kl: number; ratio: number } => {
    const ratio = old[r] > 0 ? Math.exp(logp - logps[r]) : Math.exp(logp - old[r]);
    const clipped = Math.min(Math.max(ratio, 1 - epsilon), 1 + epsilonHigh);
    const d = reference[r] - logp;
    const kl = beta > 0 ? (Math.exp(d) - d - 1) * (correctKl ? ratio : 1) : 0;
    return { loss: -Math.min(ratio * a, clipped * a) + beta * kl, kl, ratio };
  };
  const sums = new Float64Array(1 + POLICY_SUMS);
  const gradient = new Float64Array(R);
  RANGES.forEach(([first, end], s) => {
    for (let r = first; r < end && WEIGHTS[s] !== 0; r++) {
      const a = Math.fround(ADVANTAGES[s]);
      const { loss, kl, ratio } = term(logps[r], r, a);
      const low = ratio < 1 - epsilon && a < 0;
      const high = ratio > 1 + epsilonHigh && a > 0;
      [WEIGHTS[s] * loss, 1, Number(low), Number(high), kl, -logps[r]].forEach((x, i) => (sums[i] += x));
      const slope = (term(logps[r] + 1e-6, r, a).loss - term(logps[r] - 1e-6, r, a).loss) / 2e-6;
      gradient[r] = scale * WEIGHTS[s] * slope;
    }
  });
  return { sums, gradient };
}

const CASES: [string, PolicyNumbers][] = [
  ['clipped alike', { epsilon: 0.2, epsilonHigh: 0.2, beta: 0, correctKl: true }],
  ['clipped higher above', { epsilon: 0.1, epsilonHigh: 0.28, beta: 0, correctKl: true }],
  ['with a divergence', { epsilon: 0.2, epsilonHigh: 0.2, beta: 0.04, correctKl: true }],
  ['with a divergence as it is', { epsilon: 0.2, epsilonHigh: 0.2, beta: 0.3, correctKl: false }],
];

describeAdapters('Policy loss', (context) => {
  test.each(CASES)('%s', async (_, numbers) => {
    const { device } = context;
    const scale = 0.7;
    const f32 = (values: ArrayLike<number>) => constant(device, [values.length], values);
    const total = device.upload([OWN_SLOT + POLICY_SUMS], 'f32', 'total');
    const [, gradient] = await runTape(device, (tape) => {
      const x = f32(logps);
      const gradients = watch(tape, x);
      const loss = policyLoss(
        tape,
        {
          ...{ logps: x, old: f32(old), ranges: constant(device, [RANGES.length, 2], RANGES.flat(), 'u32') },
          ...{ advantages: f32(ADVANTAGES), weights: f32(WEIGHTS), total },
          ...(numbers.beta > 0 && { reference: f32(reference) }),
        },
        numbers,
      );
      tape.backward(loss, scale);
      return [x, ...gradients()];
    });
    const stats = new Float32Array(await device.read(total));
    const wanted = expected(numbers, scale);
    const found = [stats[LOSS_SLOT], ...stats.subarray(OWN_SLOT)];
    wanted.sums.forEach((sum, i) =>
      expect(Math.abs(found[i] - sum)).toBeLessThan(1e-5 * Math.max(1, Math.abs(sum))),
    );
    expect(found[1]).toBe(wanted.sums[1]);
    expect(found.slice(2, 4)).toEqual([...wanted.sums.subarray(2, 4)]);
    expect(wanted.sums[2]).toBeGreaterThan(0);
    expect(wanted.sums[3]).toBeGreaterThan(0);
    const inside = (values: ArrayLike<number>): number[] =>
      RANGES.flatMap(([first, end]) => Array.from(values).slice(first, end));
    expect(worstError(inside(gradient), inside(wanted.gradient))).toBeLessThan(1e-5);
  });
});
