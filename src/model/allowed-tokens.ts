/** A choice among some tokens only: made on the host, from the logits of one sequence. */
import type { Picked } from '../engine/ops/sampling.ts';
import type { Candidate, Sampling } from './sampling.ts';

/** What a sequence may write. It belongs to one sequence. */
export interface TokenConstraint {
  /** A bit for each token that may come next, the bits of a word from the lowest on. Tokens beyond it may not come. */
  allowed(): Uint32Array;
  /** Takes the chosen token. @returns whether the sequence ends with it */
  take(id: number): boolean;
}

interface Choosing {
  readonly sampling: Sampling;
  /** In [0, 1). */
  readonly draw: number;
  /** Ids that the repetition penalty applies to. */
  readonly before: readonly number[];
  readonly allowed: Uint32Array;
  /** How many of the most likely tokens to report. */
  readonly candidates: number;
}

/**
 * Chooses a token as `sample` does, as if the logits of all others were −∞: penalty, what is allowed, temperature, top-k, top-p, min-p, draw. The
 * candidates and the logarithm of the probability are those of all tokens, allowed or not.
 *
 * @param logits f32 [V]
 */
export function pickAllowed(logits: Float32Array, choosing: Choosing): Picked {
  const { sampling, draw } = choosing;
  const scores = scoresOf(logits, choosing);
  let best = 0;
  for (let id = 1; id < scores.length && !Number.isNaN(scores[best]); id++)
    if (!(scores[id] <= scores[best])) best = id;
  const bestScore = scores[best];
  if (!Number.isFinite(bestScore))
    return { id: undefined, bestScore, candidates: [], logProbability: undefined };
  const id = sampling.temperature === 0 ? best : drawFrom(scores, bestScore, sampling, draw);
  return { id, bestScore, ...likelihoods(logits, id, choosing.candidates) };
}

/** f32 [V]: with the repetition penalty, and −∞ for what is not allowed. */
function scoresOf(logits: Float32Array, { sampling, before, allowed }: Choosing): Float32Array {
  const scores = new Float32Array(logits.length).fill(-Infinity);
  for (let id = 0; id < logits.length; id++)
    if (((allowed[id >>> 5] ?? 0) >>> (id & 31)) & 1) scores[id] = logits[id];
  const { repetitionPenalty: penalty } = sampling;
  if (penalty !== 1)
    for (const id of new Set(before))
      if (Number.isFinite(scores[id]))
        scores[id] = scores[id] > 0 ? scores[id] / penalty : scores[id] * penalty;
  return scores;
}

/** The token that a draw chooses. @param best the largest of the scores */
function drawFrom(scores: Float32Array, best: number, sampling: Sampling, draw: number): number {
  const masses = new Float64Array(scores.length);
  for (let id = 0; id < scores.length; id++)
    if (scores[id] > -Infinity) masses[id] = Math.exp((scores[id] - best) / sampling.temperature);
  const { least: min, equals } = lowestKept(scores, masses, best, sampling);
  let mass = 0;
  let left = equals;
  for (let id = 0; id < scores.length; id++) {
    const isOut = scores[id] < min || masses[id] < sampling.minP || (scores[id] === min && left-- <= 0);
    if (isOut) masses[id] = 0;
    mass += masses[id];
  }
  let rest = draw * mass;
  let chosen = 0;
  // Sums round: if none passes the goal, it is the last that is not empty.
  for (let id = 0; id < masses.length && rest >= 0; id++) {
    if (masses[id] === 0) continue;
    rest -= masses[id];
    chosen = id;
  }
  return chosen;
}

/**
 * The lowest score that top-k and top-p leave, and how many tokens with exactly this score: those with the first ids. Only scores that can be among them
 * are sorted: a vocabulary is large, and other sequences wait meanwhile.
 */
function lowestKept(
  scores: Float32Array,
  masses: Float64Array,
  best: number,
  { topK, topP }: Sampling,
): { readonly least: number; readonly equals: number } {
  const isLimited = topK > 0 && topK < countFrom(scores, -Number.MAX_VALUE);
  if (!isLimited && topP === 1) return { least: -Infinity, equals: Infinity };
  let whole = 0;
  for (const mass of masses) whole += mass;
  // Below the first, no token is among the best k. Those below the second have less than 1 − p of the mass together.
  const [lowestScore, lowestMass] = isLimited
    ? [reach(scores, best, topK), 0]
    : [-Infinity, ((1 - topP) * whole) / masses.length];
  const sorted: number[] = [];
  for (let id = 0; id < scores.length; id++)
    if (scores[id] >= lowestScore && masses[id] >= lowestMass) sorted.push(id);
  sorted.sort((a, b) => scores[b] - scores[a]);
  let count = isLimited ? topK : sorted.length;
  if (topP < 1) {
    if (isLimited) whole = sorted.slice(0, topK).reduce((sum, id) => sum + masses[id], 0);
    let kept = 0;
    for (let mass = 0; kept < count && mass < topP * whole; kept++) mass += masses[sorted[kept]];
    count = kept;
  }
  const min = scores[sorted[count - 1]];
  return { least: min, equals: count - sorted.findIndex((id) => scores[id] === min) };
}

/** How many scores are at least so high. */
function countFrom(scores: Float32Array, min: number): number {
  let count = 0;
  for (const score of scores) if (score >= min) count++;
  return count;
}

/** A score that at least `count` of the scores reach, and few more. */
function reach(scores: Float32Array, best: number, count: number): number {
  let distance = 1;
  while (countFrom(scores, best - distance) < count) distance *= 2;
  return best - distance;
}

/** By the logits only. */
function likelihoods(
  logits: Float32Array,
  id: number,
  count: number,
): Pick<Picked, 'candidates' | 'logProbability'> {
  if (count === 0) return { candidates: [], logProbability: undefined };
  const best: number[] = [];
  for (let other = 0; other < logits.length; other++) {
    if (best.length === count && !(logits[other] > logits[best[count - 1]])) continue;
    let place = best.length;
    while (place > 0 && logits[other] > logits[best[place - 1]]) place--;
    best.splice(place, 0, other);
    if (best.length > count) best.pop();
  }
  const top = logits[best[0]];
  let mass = 0;
  for (const logit of logits) mass += Math.exp(logit - top);
  const candidates = best.map((one): Candidate => ({
    id: one,
    probability: Math.exp(logits[one] - top) / mass,
  }));
  return { candidates, logProbability: logits[id] - top - Math.log(mass) };
}
