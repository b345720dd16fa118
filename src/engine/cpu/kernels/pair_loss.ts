// A loss over pairs of answers, of their log-probabilities. An objective's own file (src/objectives/NAME/*.kernel.ts) has a class of arguments that
// extends the one here with a method `pairLoss(pair: Pair): void`, which leaves loss and gradients of one pair in it, and exports one kernel that
// calls `pairLosses`:
//
//   total[LOSS] += Σ loss;  total[RIGHT] += pairs whose chosen reward is the larger;  total[CHOSEN], total[REJECTED] += Σ rewards
//   dlogps[2i], dlogps[2i + 1] = scale · gradients of the summed loss
//
// logps, reference, dlogps: [2P] f32, chosen and rejected in turn. ranges: [2P, 2], rows of each answer: their number is its length. A pair without
// rows is padding. All pairs are one unit; sums are f64.
import { exp1, Read, Write } from './common';
import { at4 } from './vectors';

@unmanaged
export class PairArguments {
  logps: Read;
  reference: Read;
  ranges: Read;
  total: Write;
  /** 0 where nobody reads it. */
  dlogps: Write;
  pairs: i32;
  scale: f32;
  a: f32;
  b: f32;
  c: f32;
  d: f32;
}

/** An answer: Σ log p of its tokens by the policy and by the reference, and how many tokens there are. */
@unmanaged
export class Pair {
  chosenLogp: f32;
  chosenReference: f32;
  chosenTokens: f32;
  rejectedLogp: f32;
  rejectedReference: f32;
  rejectedTokens: f32;
  /** The pairs of the micro-batch, and the tokens of all its chosen answers. */
  pairs: f32;
  allChosenTokens: f32;

  // What the kernel leaves: the loss, its gradients by the log-probabilities, and what the answers are worth by this policy.
  loss: f32;
  dChosen: f32;
  dRejected: f32;
  chosenReward: f32;
  rejectedReward: f32;
}

// Slots of `total`: ../../ops/step.ts and ../../ops/pair_loss.ts.
const LOSS = 0;
const RIGHT = 4;
const CHOSEN = 5;
const REJECTED = 6;

/** log(1 + eˣ), without overflow: −ln σ(−x). */
export function softplus(x: f32): f32 {
  return max<f32>(x, 0) + <f32>Math.log1p(exp1(-abs<f32>(x)));
}

export function sigmoid(x: f32): f32 {
  return <f32>1 / (<f32>1 + exp1(-x));
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
  for (let i = 0; i < p.pairs; i++) {
    const tokens = tokensOf(p, 2 * i);
    if (tokens > 0) pair.pairs += 1;
    pair.allChosenTokens += tokens;
  }
  let loss: f64 = 0;
  let right: f64 = 0;
  let chosen: f64 = 0;
  let rejected: f64 = 0;
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
      pair.rejectedTokens = tokensOf(p, 2 * i + 1);
      p.pairLoss(pair);
      loss += pair.loss;
      right += pair.chosenReward > pair.rejectedReward ? 1 : 0;
      chosen += pair.chosenReward;
      rejected += pair.rejectedReward;
    }
    if (!p.dlogps) continue;
    store<f32>(p.dlogps + at, p.scale * pair.dChosen);
    store<f32>(p.dlogps + at, p.scale * pair.dRejected, 4);
  }
  add(p.total, LOSS, loss);
  add(p.total, RIGHT, right);
  add(p.total, CHOSEN, chosen);
  add(p.total, REJECTED, rejected);
}
