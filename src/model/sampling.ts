/** Choosing the next token from logits, as transformers' generate does, in its order: penalty, temperature, top-k, top-p, min-p. */
import { GraftError } from '../errors.ts';
import type { Random } from '../random.ts';

export interface Sampling {
  /** 0 is greedy: the most likely token, always. */
  readonly temperature: number;
  /** Only the k most likely tokens; 0 for all. */
  readonly topK: number;
  /** Only the smallest set of tokens whose probabilities add up to this; 1 for all. */
  readonly topP: number;
  /** Only tokens at least this fraction as likely as the most likely one; 0 for all. */
  readonly minP: number;
  /** Logits of tokens that occurred are divided (if positive) or multiplied by this; 1 for none (Keskar et al., 2019). */
  readonly repetitionPenalty: number;
}

export const greedy: Sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 };

/** @throws GraftError `sampling` naming the setting that is out of range */
export function checkSampling({ temperature, topK, topP, minP, repetitionPenalty }: Sampling): void {
  const wrong = (name: string, value: number, range: string): GraftError =>
    new GraftError('sampling', `${name} is ${value}.`, `Choose ${range}.`);
  if (!(temperature >= 0 && Number.isFinite(temperature)))
    throw wrong('Temperature', temperature, '0 or more');
  if (!(Number.isInteger(topK) && topK >= 0)) throw wrong('Top-k', topK, 'a whole number, 0 for all tokens');
  if (!(topP > 0 && topP <= 1)) throw wrong('Top-p', topP, 'more than 0 and at most 1');
  if (!(minP >= 0 && minP <= 1)) throw wrong('Min-p', minP, 'a number from 0 to 1');
  if (!(repetitionPenalty > 0 && Number.isFinite(repetitionPenalty)))
    throw wrong('The repetition penalty', repetitionPenalty, 'a number above 0');
}

/** A token and its probability. */
export interface Candidate {
  readonly id: number;
  readonly probability: number;
}

/**
 * The tokens that may come next with their probabilities, most likely first. Greedy gives one.
 *
 * @param logits f32 [V]; not changed
 * @param before ids that the repetition penalty applies to
 * @throws GraftError `sampling-not-finite` where the model gives no number to choose by
 */
export function candidates(
  logits: Float32Array,
  sampling: Sampling,
  before: Iterable<number> = [],
): Candidate[] {
  const scores =
    sampling.repetitionPenalty === 1 ? logits : penalised(logits, before, sampling.repetitionPenalty);
  const best = argmax(scores);
  if (!Number.isFinite(scores[best])) {
    throw new GraftError(
      'sampling-not-finite',
      `The model's best score for the next token is ${scores[best]}.`,
      'Choose f32 precision, or an adapter that was trained at a lower learning rate.',
    );
  }
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

/** Draws one of the candidates. */
export function draw(from: readonly Candidate[], random: Random): number {
  if (from.length === 1) return from[0].id;
  let rest = random.float();
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
