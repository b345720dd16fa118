// A loss over pairs of answers, computed from their log-probabilities. An objective's own file (src/objectives/NAME/*.kernel.ts) has a class of
// arguments that extends the one here with a method `pairLoss(pair: Pair): void`, which leaves loss and gradients of one pair in it, and exports one
// kernel that calls `pairLosses`:
//
//   total[LOSS] += Σ loss;  total[OWN + k] += Σ of the pair's k-th sum, four numbers that the objective reports
//   dlogps[2i], dlogps[2i + 1] = scale · gradients of the summed loss
//
// logps, reference, values, dlogps: [2P] f32, chosen and rejected in turn. ranges: [2P, 2], rows of each answer: their number is its length. A pair
// without rows is padding. All pairs are one unit; sums are f64.
import { exp1, Read, Write } from './common';
import { at4 } from './vectors';

@unmanaged
export class PairArguments {
  logps: Read;
  reference: Read;
  values: Read;
  ranges: Read;
  total: Write;
  /** 0 if the kernel does not read it. */
  dlogps: Write;
  pairs: i32;
  scale: f32;
  a: f32;
  b: f32;
  c: f32;
  d: f32;
}

/** What a pair's kernel reads about each answer: Σ log p of its tokens by the policy and by the reference, how many tokens there are, and the number that its row brings. */
@unmanaged
export class Pair {
  chosenLogp: f32;
  chosenReference: f32;
  chosenTokens: f32;
  chosenValue: f32;
  rejectedLogp: f32;
  rejectedReference: f32;
  rejectedTokens: f32;
  rejectedValue: f32;
  /** The pairs of the micro-batch, the tokens of all its chosen answers, and Σ log-ratio of policy and reference over its second answers. */
  pairs: f32;
  allChosenTokens: f32;
  allRejectedRatio: f32;

  // What the kernel leaves: the loss, its gradients by the log-probabilities, and what is added to the reported sums.
  loss: f32;
  dChosen: f32;
  dRejected: f32;
  sum0: f32;
  sum1: f32;
  sum2: f32;
  sum3: f32;
}

// Slots of `total`: ../../ops/step.ts and ../../ops/pair_loss.ts.
const LOSS = 0;
const OWN = 4;

/** The reports of a pair: whether the chosen reward is larger, and both rewards; the last one is the objective's own. */
export function rewardSums(pair: Pair, chosen: f32, rejected: f32, last: f32): void {
  pair.sum0 = chosen > rejected ? 1 : 0;
  pair.sum1 = chosen;
  pair.sum2 = rejected;
  pair.sum3 = last;
}

/** ½ (log-ratio of policy and reference)², the mean of both answers: their KL divergence to second order. */
export function driftOf(pair: Pair): f32 {
  const chosen = pair.chosenLogp - pair.chosenReference;
  const rejected = pair.rejectedLogp - pair.rejectedReference;
  return <f32>0.25 * (chosen * chosen + rejected * rejected);
}

/** log(1 + eˣ), without overflow: −ln σ(−x). */
export function softplus(x: f32): f32 {
  return max<f32>(x, 0) + <f32>Math.log1p(exp1(-abs<f32>(x)));
}

export function sigmoid(x: f32): f32 {
  return <f32>1 / (<f32>1 + exp1(-x));
}

/** 1 − eᵃ for a < 0: near 0 by its series, and never 0, if an answer is certain. */
export function oneMinusExp(a: f32): f32 {
  const series: f32 = -a * (1 + a * (<f32>0.5 + a * (<f32>(1.0 / 6.0) + a / 24)));
  return max<f32>(a > -0.05 ? series : 1 - exp1(a), 1e-7);
}

/** The length of an answer. */
function tokensOf(p: PairArguments, answer: i32): f32 {
  return <f32>(load<i32>(p.ranges + at4(2 * answer), 4) - load<i32>(p.ranges + at4(2 * answer)));
}

function add(total: usize, slot: i32, sum: f64): void {
  store<f32>(total + at4(slot), <f32>(load<f32>(total + at4(slot)) + sum));
}

export function pairLosses<T extends PairArguments>(p: T, first: i32, end: i32, scratch: usize): void {
  if (first === end) return;
  const pair = changetype<Pair>(scratch);
  pair.pairs = 0;
  pair.allChosenTokens = 0;
  pair.allRejectedRatio = 0;
  for (let i = 0; i < p.pairs; i++) {
    const tokens = tokensOf(p, 2 * i);
    if (tokens === 0) continue;
    pair.pairs += 1;
    pair.allChosenTokens += tokens;
    pair.allRejectedRatio += load<f32>(p.logps + at4(2 * i), 4) - load<f32>(p.reference + at4(2 * i), 4);
  }
  let loss: f64 = 0;
  let sum0: f64 = 0;
  let sum1: f64 = 0;
  let sum2: f64 = 0;
  let sum3: f64 = 0;
  for (let i = 0; i < p.pairs; i++) {
    const at = at4(2 * i);
    pair.dChosen = 0;
    pair.dRejected = 0;
    pair.chosenTokens = tokensOf(p, 2 * i);
    if (pair.chosenTokens > 0) {
      pair.chosenLogp = load<f32>(p.logps + at);
      pair.rejectedLogp = load<f32>(p.logps + at, 4);
      pair.chosenReference = load<f32>(p.reference + at);
      pair.rejectedReference = load<f32>(p.reference + at, 4);
      pair.chosenValue = load<f32>(p.values + at);
      pair.rejectedValue = load<f32>(p.values + at, 4);
      pair.rejectedTokens = tokensOf(p, 2 * i + 1);
      p.pairLoss(pair);
      loss += pair.loss;
      sum0 += pair.sum0;
      sum1 += pair.sum1;
      sum2 += pair.sum2;
      sum3 += pair.sum3;
    }
    if (!p.dlogps) continue;
    store<f32>(p.dlogps + at, p.scale * pair.dChosen);
    store<f32>(p.dlogps + at, p.scale * pair.dRejected, 4);
  }
  add(p.total, LOSS, loss);
  add(p.total, OWN, sum0);
  add(p.total, OWN + 1, sum1);
  add(p.total, OWN + 2, sum2);
  add(p.total, OWN + 3, sum3);
}
