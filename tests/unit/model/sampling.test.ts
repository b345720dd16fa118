import { describe, expect, it } from 'vitest';
import { checkSampling, greedy, type Candidate, type Sampling } from '../../../src/model/sampling.ts';
import { Random } from '../../../src/random.ts';
import { candidates, draw } from '../../reference/sampling.ts';
import { graftError } from '../expect-graft-error.ts';

/** Logits of the probabilities 0.1, 0.4, 0.2 and 0.3, shifted by 5: only differences count. */
const logits = Float32Array.from([0.1, 0.4, 0.2, 0.3], (probability) => Math.log(probability) + 5);
const warm: Sampling = { ...greedy, temperature: 1 };

function expectCandidates(actual: readonly Candidate[], expected: readonly [number, number][]): void {
  expect(actual.map(({ id }) => id)).toEqual(expected.map(([id]) => id));
  actual.forEach(({ probability }, i) => expect(probability).toBeCloseTo(expected[i][1], 6));
}

describe('candidates', () => {
  it('greedy is the most likely token, the first of equals', () => {
    expect(candidates(logits, greedy)).toEqual([{ id: 1, probability: 1 }]);
    expect(candidates(Float32Array.of(1, 3, 3, 2), greedy)).toEqual([{ id: 1, probability: 1 }]);
  });

  it('temperature 1 gives the probabilities themselves, most likely first', () => {
    expectCandidates(candidates(logits, warm), [
      [1, 0.4],
      [3, 0.3],
      [2, 0.2],
      [0, 0.1],
    ]);
  });

  it('temperature ½ squares them, 2 takes their roots', () => {
    // 0.16 + 0.09 + 0.04 + 0.01 = 0.3
    expectCandidates(candidates(logits, { ...warm, temperature: 0.5 }), [
      [1, 0.16 / 0.3],
      [3, 0.09 / 0.3],
      [2, 0.04 / 0.3],
      [0, 0.01 / 0.3],
    ]);
    const roots = Math.sqrt(0.4) + Math.sqrt(0.3) + Math.sqrt(0.2) + Math.sqrt(0.1);
    expectCandidates(
      candidates(logits, { ...warm, temperature: 2 }),
      [1, 3, 2, 0].map((id) => [id, Math.sqrt([0.1, 0.4, 0.2, 0.3][id]) / roots]),
    );
  });

  it('top-k keeps k and divides by their sum', () => {
    expectCandidates(candidates(logits, { ...warm, topK: 2 }), [
      [1, 4 / 7],
      [3, 3 / 7],
    ]);
    expect(candidates(logits, { ...warm, topK: 9 })).toHaveLength(4);
  });

  it('top-p keeps the fewest that reach p, and never none', () => {
    expectCandidates(candidates(logits, { ...warm, topP: 0.69 }), [
      [1, 4 / 7],
      [3, 3 / 7],
    ]);
    expectCandidates(candidates(logits, { ...warm, topP: 0.71 }), [
      [1, 4 / 9],
      [3, 3 / 9],
      [2, 2 / 9],
    ]);
    expectCandidates(candidates(logits, { ...warm, topP: 1e-9 }), [[1, 1]]);
  });

  it('min-p is relative to the most likely', () => {
    expectCandidates(candidates(logits, { ...warm, minP: 0.51 }), [
      [1, 4 / 7],
      [3, 3 / 7],
    ]);
    expectCandidates(candidates(logits, { ...warm, minP: 1 }), [[1, 1]]);
  });

  it('filters follow each other as in transformers: temperature, top-k, top-p of what top-k left, min-p', () => {
    // Top-3 leaves 4/9, 3/9, 2/9; 0.77 of that needs two (7/9 = 0.777…), where of all four it would need three.
    expectCandidates(candidates(logits, { ...warm, topK: 3, topP: 0.77 }), [
      [1, 4 / 7],
      [3, 3 / 7],
    ]);
    // At temperature ½ token 3 is 0.09 / 0.16 = 0.5625 times as likely as token 1, at 1 it is 0.75.
    expectCandidates(candidates(logits, { ...warm, temperature: 0.5, minP: 0.6 }), [[1, 1]]);
  });

  it('the repetition penalty divides positive logits and multiplies negative ones, once for each token', () => {
    const scores = Float32Array.of(2, 1.9, -1, -1.1);
    expect(candidates(scores, { ...greedy, repetitionPenalty: 1.2 }, [0, 0, 0])[0].id).toBe(1);
    expect(scores).toEqual(Float32Array.of(2, 1.9, -1, -1.1));
    const [first, second, third, fourth] = candidates(scores, { ...warm, repetitionPenalty: 2 }, [0, 0, 2]);
    // 1.9, 2 / 2, −1.1, −1 · 2
    expect([first.id, second.id, third.id, fourth.id]).toEqual([1, 0, 3, 2]);
    expect(Math.log(first.probability / second.probability)).toBeCloseTo(0.9, 5);
    expect(Math.log(third.probability / fourth.probability)).toBeCloseTo(0.9, 5);
  });

  it('give no probability to a token that can never come', () => {
    const never = Float32Array.of(1, -Infinity, 0);
    expect(candidates(never, warm).find(({ id }) => id === 1)?.probability).toBe(0);
  });

  it.each<[Partial<Sampling>, string]>([
    [{ temperature: -1 }, 'Temperature'],
    [{ temperature: NaN }, 'Temperature'],
    [{ topK: 1.5 }, 'Top-k'],
    [{ topP: 0 }, 'Top-p'],
    [{ topP: 1.1 }, 'Top-p'],
    [{ minP: -0.1 }, 'Min-p'],
    [{ repetitionPenalty: 0 }, 'repetition'],
  ])('settings out of range are refused: %j', async (changes, name) => {
    const error = await graftError(() => checkSampling({ ...greedy, ...changes }), 'sampling');
    expect(error.what).toContain(name);
  });
});

describe('drawing', () => {
  it('follows the probabilities, and the seed', () => {
    const from = candidates(logits, warm);
    const count = (seed: number): number[] => {
      const random = new Random(seed);
      const counts = [0, 0, 0, 0];
      for (let i = 0; i < 4000; i++) counts[draw(from, random.unitFloat32())]++;
      return counts;
    };
    const counts = count(1);
    // Four standard deviations of a share are at most 4 · √(0.25 / 4000) = 0.032.
    [0.1, 0.4, 0.2, 0.3].forEach((p, id) => expect(Math.abs(counts[id] / 4000 - p)).toBeLessThan(0.032));
    expect(count(1)).toEqual(counts);
    expect(count(2)).not.toEqual(counts);
  });
});
