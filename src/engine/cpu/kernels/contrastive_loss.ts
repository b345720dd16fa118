// The loss of queries against all texts of a batch, and its gradient by their cosines.
//
//   p[i, j] = softmax over candidates j of scores[i, j] / T;  t the text that answers query i
//   total[LOSS] += Σ −ln p[i, t];  total[FIRST], [OWN], [OTHER] += queries whose text is nearest, its score, the best score of another
//   dscores[i, j] = scale / T · (p[i, j] − [j = t]), and 0 if i is no query or j no candidate
//
// scores, dscores: [S, S] f32. roles: [S]: t of a query, CANDIDATE for texts that it is compared with, more for padding. A query whose text is the
// only candidate adds 0 to OTHER. All queries are one unit; sums are f64.
import { exp1, Read, Write } from './common';
import { at4 } from './vectors';

@unmanaged
class ContrastiveLossArguments {
  scores: Read;
  roles: Read;
  total: Write;
  /** 0 if the kernel does not write it. */
  dscores: Write;
  S: i32;
  scale: f32;
  temperature: f32;
}

// ../../ops/contrastive_loss.ts.
const CANDIDATE: u32 = 0xfffffffe;
// Slots of `total`: ../../ops/step.ts and ../../ops/contrastive_loss.ts.
const LOSS = 0;
const FIRST = 4;
const OWN = 5;
const OTHER = 6;
/** Below every cosine. */
const NONE: f32 = -2;

function add(total: usize, slot: i32, sum: f64): void {
  store<f32>(total + at4(slot), <f32>(load<f32>(total + at4(slot)) + sum));
}

export function contrastiveLoss(p: ContrastiveLossArguments, first: i32, end: i32, _scratch: usize): void {
  if (first === end) return;
  let loss: f64 = 0;
  let right: f64 = 0;
  let owns: f64 = 0;
  let others: f64 = 0;
  const factor: f32 = p.scale / p.temperature;
  for (let i = 0; i < p.S; i++) {
    const row = p.scores + at4(i * p.S);
    const own = load<u32>(p.roles + at4(i));
    if (own >= CANDIDATE) {
      if (p.dscores) memory.fill(p.dscores + at4(i * p.S), 0, at4(p.S));
      continue;
    }
    const score = load<f32>(row + at4(own));
    let other = NONE;
    for (let j = 0; j < p.S; j++)
      if (load<u32>(p.roles + at4(j)) === CANDIDATE && j !== <i32>own)
        other = max<f32>(other, load<f32>(row + at4(j)));
    const best = max<f32>(score, other);
    let all: f64 = 0;
    for (let j = 0; j < p.S; j++)
      if (load<u32>(p.roles + at4(j)) === CANDIDATE)
        all += exp1((load<f32>(row + at4(j)) - best) / p.temperature);
    loss += Math.log(all) + (best - score) / p.temperature;
    right += score > other ? 1 : 0;
    owns += score;
    others += other === NONE ? 0 : other;
    if (!p.dscores) continue;
    const slopes = p.dscores + at4(i * p.S);
    for (let j = 0; j < p.S; j++) {
      let slope: f32 = 0;
      if (load<u32>(p.roles + at4(j)) === CANDIDATE)
        slope =
          <f32>(exp1((load<f32>(row + at4(j)) - best) / p.temperature) / all) -
          (j === <i32>own ? <f32>1 : <f32>0);
      store<f32>(slopes + at4(j), factor * slope);
    }
  }
  add(p.total, LOSS, loss);
  add(p.total, FIRST, right);
  add(p.total, OWN, owns);
  add(p.total, OTHER, others);
}
