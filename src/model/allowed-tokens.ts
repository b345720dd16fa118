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
  const { sampling, draw, allowed } = choosing;
  const ids: number[] = [];
  for (let id = 0; id < logits.length && id >>> 5 < allowed.length; id++)
    if ((allowed[id >>> 5] >>> (id & 31)) & 1) ids.push(id);
  const scores = scoresOf(logits, ids, choosing);
  let best = 0;
  for (let at = 1; at < scores.length && !Number.isNaN(scores[best]); at++)
    if (!(scores[at] <= scores[best])) best = at;
  const bestScore = scores.length > 0 ? scores[best] : -Infinity;
  if (!Number.isFinite(bestScore))
    return { id: undefined, bestScore, candidates: [], logProbability: undefined };
  const id = ids[sampling.temperature === 0 ? best : drawFrom(scores, bestScore, sampling, draw)];
  return { id, bestScore, ...likelihoods(logits, id, choosing.candidates) };
}

/** f32, with the repetition penalty. */
function scoresOf(
  logits: Float32Array,
  ids: readonly number[],
  { sampling, before }: Choosing,
): Float32Array {
  const scores = Float32Array.from(ids, (id) => logits[id]);
  const { repetitionPenalty: penalty } = sampling;
  if (penalty === 1) return scores;
  const seen = new Set(before);
  ids.forEach((id, at) => {
    if (seen.has(id)) scores[at] = scores[at] > 0 ? scores[at] / penalty : scores[at] * penalty;
  });
  return scores;
}

/** The place of the token that a draw chooses. @param best the largest of the scores */
function drawFrom(scores: Float32Array, best: number, sampling: Sampling, draw: number): number {
  const massOf = (score: number): number => Math.exp((score - best) / sampling.temperature);
  const { least, equals } = lowestKept(scores, massOf, sampling);
  /** The places that top-k, top-p and min-p leave. */
  const kept: number[] = [];
  let mass = 0;
  let left = equals;
  scores.forEach((score, at) => {
    if (score < least || (score === least && left-- <= 0)) return;
    const own = massOf(score);
    if (own === 0 || own < sampling.minP) return;
    kept.push(at);
    mass += own;
  });
  let rest = draw * mass;
  return kept.find((at) => (rest -= massOf(scores[at])) < 0) ?? kept[kept.length - 1];
}

/** The lowest score that top-k and top-p leave, and how many tokens with exactly this score: those with the first ids. */
function lowestKept(
  scores: Float32Array,
  massOf: (score: number) => number,
  { topK, topP }: Sampling,
): { readonly least: number; readonly equals: number } {
  if ((topK === 0 || topK >= scores.length) && topP === 1) return { least: -Infinity, equals: Infinity };
  const sorted = scores.slice().sort().reverse();
  let count = topK > 0 ? Math.min(topK, sorted.length) : sorted.length;
  if (topP < 1) {
    let whole = 0;
    for (let at = 0; at < count; at++) whole += massOf(sorted[at]);
    let mass = 0;
    let kept = 0;
    while (kept < count && mass < topP * whole) mass += massOf(sorted[kept++]);
    count = kept;
  }
  const least = sorted[count - 1];
  return { least, equals: count - sorted.indexOf(least) };
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
