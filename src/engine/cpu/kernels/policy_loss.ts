// The clipped surrogate over the tokens of sampled sequences, with one advantage A and one weight w for each sequence.
//
//   ρ = exp(log p − old),  d = reference − log p,  k = eᵈ − d − 1, times ρ if correct is not 0
//   total[LOSS] += Σ w (−min(ρA, clip(ρ, 1 − low, 1 + high) A) + β k)
//   total[TOKENS], [LOW], [HIGH], [KL], [SURPRISE] += tokens, those clipped below and above, Σ k, Σ −log p
//   dlogps[r] = scale · the gradient of the summed loss
//
// logps, old, reference, dlogps: [R] f32; old above 0 says that this policy made the sample just now: ρ = 1. ranges: [S, 2], rows of each sequence.
// advantages, weights: [S] f32; a sequence of weight 0 gets no gradient and is in no sum. All sequences are one unit; sums are f64.
import { exp1, Read, Write } from './common';
import { at4 } from './vectors';

@unmanaged
class PolicyLossArguments {
  logps: Read;
  old: Read;
  /** 0 if there is none. */
  reference: Read;
  ranges: Read;
  advantages: Read;
  weights: Read;
  total: Write;
  /** 0 if the kernel does not read it. */
  dlogps: Write;
  S: i32;
  scale: f32;
  low: f32;
  high: f32;
  beta: f32;
  correct: i32;
}

// Slots of `total`: ../../ops/step.ts and ../../ops/policy_loss.ts.
const LOSS = 0;
const TOKENS = 4;
const LOW = 5;
const HIGH = 6;
const KL = 7;
const SURPRISE = 8;

function add(total: usize, slot: i32, sum: f64): void {
  store<f32>(total + at4(slot), <f32>(load<f32>(total + at4(slot)) + sum));
}

export function policyLoss(p: PolicyLossArguments, first: i32, end: i32, _scratch: usize): void {
  if (first === end) return;
  let all: f64 = 0;
  let tokens: f64 = 0;
  let below: f64 = 0;
  let above: f64 = 0;
  let divergence: f64 = 0;
  let surprise: f64 = 0;
  const least: f32 = 1 - p.low;
  const most: f32 = 1 + p.high;
  for (let s = 0; s < p.S; s++) {
    const last = load<i32>(p.ranges + at4(2 * s), 4);
    const a = load<f32>(p.advantages + at4(s));
    const weight = load<f32>(p.weights + at4(s));
    for (let r = load<i32>(p.ranges + at4(2 * s)); r < last; r++) {
      if (weight === 0) {
        if (p.dlogps) store<f32>(p.dlogps + at4(r), 0);
        continue;
      }
      const logp = load<f32>(p.logps + at4(r));
      const old = load<f32>(p.old + at4(r));
      const ratio: f32 = old > 0 ? 1 : exp1(logp - old);
      const clipped = min<f32>(max<f32>(ratio, least), most);
      let loss: f32 = -min<f32>(ratio * a, clipped * a);
      let slope: f32 = ratio * a <= clipped * a ? -ratio * a : 0;
      if (p.beta > 0) {
        const d: f32 = load<f32>(p.reference + at4(r)) - logp;
        const e = exp1(d);
        let k: f32 = e - d - 1;
        let dk: f32 = 1 - e;
        if (p.correct) {
          k *= ratio;
          dk = -ratio * d;
        }
        loss += p.beta * k;
        slope += p.beta * dk;
        divergence += k;
      }
      all += weight * loss;
      tokens += 1;
      if (ratio < least && a < 0) below += 1;
      if (ratio > most && a > 0) above += 1;
      surprise -= logp;
      if (p.dlogps) store<f32>(p.dlogps + at4(r), p.scale * weight * slope);
    }
  }
  add(p.total, LOSS, all);
  add(p.total, TOKENS, tokens);
  add(p.total, LOW, below);
  add(p.total, HIGH, above);
  add(p.total, KL, divergence);
  add(p.total, SURPRISE, surprise);
}
