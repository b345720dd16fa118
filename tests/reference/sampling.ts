/** Chooses the next token on the host, with a sort, in float64: the reference of shaders/sampling.wgsl and most_likely.wgsl. */
import type { Candidate, Sampling } from '../../src/model/sampling.ts';

/**
 * The tokens that may come next with their probabilities, most likely first. Greedy gives one.
 *
 * @param logits f32 [V]; not changed
 * @param before ids that the repetition penalty applies to
 */
export function candidates(
  logits: Float32Array,
  sampling: Sampling,
  before: Iterable<number> = [],
): Candidate[] {
  const scores =
    sampling.repetitionPenalty === 1 ? logits : penalised(logits, before, sampling.repetitionPenalty);
  const best = argmax(scores);
  if (sampling.temperature === 0) return [{ id: best, probability: 1 }];
  const order = Array.from(scores, (_, id) => id).sort((a, b) => scores[b] - scores[a] || a - b);
  let kept = sampling.topK > 0 ? order.slice(0, sampling.topK) : order;
  const top = scores[order[0]];
  let weights = kept.map((id) => Math.exp((scores[id] - top) / sampling.temperature));
  if (sampling.topP < 1) {
    const total = sum(weights);
    let count = 0;
    for (let mass = 0; count < kept.length && mass < sampling.topP * total; count++) mass += weights[count];
    kept = kept.slice(0, Math.max(1, count));
    weights = weights.slice(0, kept.length);
  }
  if (sampling.minP > 0) {
    // Relative to the most likely token, whose weight is 1.
    const count = weights.findIndex((weight) => weight < sampling.minP);
    if (count >= 0) {
      kept = kept.slice(0, Math.max(1, count));
      weights = weights.slice(0, kept.length);
    }
  }
  const total = sum(weights);
  return kept.map((id, i) => ({ id, probability: weights[i] / total }));
}

/** Draws one of the candidates by a number in [0, 1). */
export function draw(from: readonly Candidate[], uniform: number): number {
  let rest = uniform;
  for (const { id, probability } of from) {
    rest -= probability;
    if (rest < 0) return id;
  }
  return from[from.length - 1].id;
}

/** The first of the largest values; a NaN, if there is one. */
function argmax(values: Float32Array): number {
  let best = 0;
  for (let id = 0; id < values.length; id++) {
    if (Number.isNaN(values[id])) return id;
    if (values[id] > values[best]) best = id;
  }
  return best;
}

function penalised(logits: Float32Array, before: Iterable<number>, penalty: number): Float32Array {
  const scores = logits.slice();
  for (const id of new Set(before)) scores[id] = logits[id] > 0 ? logits[id] / penalty : logits[id] * penalty;
  return scores;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** The `count` most likely tokens with their probabilities at temperature 1, most likely first. */
export function mostLikely(logits: Float32Array, count: number): Candidate[] {
  const best: number[] = [];
  for (let id = 0; id < logits.length; id++) {
    if (best.length === count && !(logits[id] > logits[best[count - 1]])) continue;
    let place = best.length;
    while (place > 0 && logits[id] > logits[best[place - 1]]) place--;
    best.splice(place, 0, id);
    if (best.length > count) best.pop();
  }
  const top = logits[best[0]];
  let total = 0;
  for (const logit of logits) total += Math.exp(logit - top);
  return best.map((id) => ({ id, probability: Math.exp(logits[id] - top) / total }));
}
