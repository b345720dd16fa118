/** A choice among some tokens on the host, against the reference of the kernels with the logits of the others at −∞. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { markSeen } from '../../../src/engine/ops/sampling.ts';
import { pickAllowed } from '../../../src/model/allowed-tokens.ts';
import { greedy, type Sampling } from '../../../src/model/sampling.ts';
import { candidates, mostLikely } from '../../reference/sampling.ts';

const V = 40;
const bitsOf = (ids: readonly number[]): Uint32Array => {
  const bits = new Uint32Array(2);
  markSeen(bits, ids);
  return bits;
};

const settings: fc.Arbitrary<Sampling> = fc.record({
  temperature: fc.constantFrom(0, 0.5, 1, 1.7),
  topK: fc.constantFrom(0, 1, 3, 10, 100),
  topP: fc.constantFrom(0.3, 0.8, 0.95, 1),
  minP: fc.constantFrom(0, 0.05, 0.4),
  repetitionPenalty: fc.constantFrom(1, 1.3, 0.5),
});
// Equal scores among them.
const logitsOf = fc
  .array(fc.integer({ min: -12, max: 12 }), { minLength: V, maxLength: V })
  .map((values) => Float32Array.from(values, (value) => value / 2.3));
const some = fc.uniqueArray(fc.nat(V - 1), { minLength: 1 });

test('draws each allowed token with the probability that it has without the others', () => {
  fc.assert(
    fc.property(logitsOf, some, some, settings, (logits, allowed, before, sampling) => {
      const masked = logits.map((logit, id) => (allowed.includes(id) ? logit : -Infinity));
      const expected = new Map(
        candidates(masked, sampling, before).map(({ id, probability }) => [id, probability]),
      );
      const DRAWS = 400;
      const counts = new Map<number, number>();
      for (let n = 0; n < DRAWS; n++) {
        const { id } = pickAllowed(logits, {
          ...{ sampling, before, candidates: 0 },
          ...{ draw: (n + 0.5) / DRAWS, allowed: bitsOf(allowed) },
        });
        counts.set(id!, (counts.get(id!) ?? 0) + 1);
      }
      for (let id = 0; id < V; id++) {
        const [share, wanted] = [(counts.get(id) ?? 0) / DRAWS, expected.get(id) ?? 0];
        expect(Math.abs(share - wanted), `token ${id}`).toBeLessThan(1.01 / DRAWS);
      }
    }),
    { numRuns: 120 },
  );
});

test('reports the likelihoods of all tokens, allowed or not', () => {
  const logits = Float32Array.from({ length: V }, (_, id) => Math.sin(id * 7) * 4);
  const picked = pickAllowed(logits, {
    ...{ sampling: greedy, draw: 0, before: [], candidates: 5, allowed: bitsOf([3]) },
  });
  const likely = mostLikely(logits, V);
  expect(picked.id).toBe(3);
  expect(picked.candidates.map(({ id }) => id)).toEqual(likely.slice(0, 5).map(({ id }) => id));
  expect(picked.candidates[0].probability).toBeCloseTo(likely[0].probability, 10);
  expect(picked.logProbability).toBeCloseTo(Math.log(likely.find(({ id }) => id === 3)!.probability), 6);
});

test('chooses nothing if a score is not finite, or if nothing is allowed', () => {
  const choosing = { sampling: greedy, draw: 0, before: [], candidates: 0 };
  const logits = new Float32Array(V);
  expect(pickAllowed(logits, { ...choosing, allowed: bitsOf([]) }).id).toBeUndefined();
  logits[4] = NaN;
  expect(pickAllowed(logits, { ...choosing, allowed: bitsOf([2, 4, 6]) })).toMatchObject({
    ...{ id: undefined, bestScore: NaN },
  });
  logits[4] = -Infinity;
  expect(pickAllowed(logits, { ...choosing, allowed: bitsOf([4]) }).id).toBeUndefined();
});
