import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mostLikely } from '../../reference/sampling.ts';

test('the most likely tokens are those of a sort, with their softmax', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 1, max: 10 }),
      (scores, count) => {
        const logits = Float32Array.from(scores);
        const total = scores.reduce((sum, score) => sum + Math.exp(score), 0);
        const expected = scores
          .map((score, id) => ({ id, probability: Math.exp(score) / total }))
          .sort((a, b) => b.probability - a.probability || a.id - b.id)
          .slice(0, count);
        const found = mostLikely(logits, count);
        expect(found.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
        found.forEach(({ probability }, i) => expect(probability).toBeCloseTo(expected[i].probability, 9));
      },
    ),
  );
});
