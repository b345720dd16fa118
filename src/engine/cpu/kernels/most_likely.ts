// The N most likely tokens by the model's own logits, with their probabilities: shown next to the chosen token. N is
// `candidates` of a sequence's settings; with 0 nothing happens.
//
// z: logits [S, pitch] f32. likelyOfPart: the N best of PART tokens, and the sum of exp(z − its best). A unit is a part of a sequence.
// mergeLikely: takes the N best of those and divides. A unit is a sequence. leaders: [S, parts, MOST], a score and the id's bits. sums: [S, parts].
// picked: [S, record], from `at` on: the id, then the probability's bits, of each. Its third word gets the chosen token's score less the best.
// Sequences whose draw is negative have ended.
import { exp1, exp4, Read, sum4, Write } from './common';
import { at4 } from './vectors';

@unmanaged
class MostLikelyArguments {
  z: Read;
  settings: Read;
  draws: Read;
  leaders: Write;
  sums: Write;
  partLeaders: Read;
  partSums: Read;
  picked: Write;
  V: i32;
  pitch: i32;
  parts: i32;
  record: i32;
  at: i32;
}

/** As in ../lower/sampling.ts. */
const PART = 1024;
const MAX = 20;
/** Bytes of a leader: its score, then its id. */
const LEADER: usize = 8;
/** Bytes of the settings of a sequence, and of those before `candidates`: ../../ops/sampling.ts. */
const SETTINGS: usize = 32;
const CANDIDATES: usize = 20;
const NONE: u32 = 0xffffffff;
const LOWEST: f32 = -3.4e38;

function isBefore(score: f32, id: u32, otherScore: f32, otherId: u32): bool {
  return score > otherScore || (score === otherScore && id < otherId);
}

/** How many tokens are asked for. */
function countOf(p: MostLikelyArguments, row: i32): i32 {
  return min(<i32>load<u32>(p.settings + <usize>row * SETTINGS + CANDIDATES), MAX);
}

export function likelyOfPart(p: MostLikelyArguments, first: i32, end: i32, _scratch: usize): void {
  for (let part = first; part < end; part++) {
    const row = part / p.parts;
    const count = countOf(p, row);
    if (count === 0 || load<f32>(p.draws + at4(row)) < 0) continue;
    const start = (part % p.parts) * PART;
    const last = min(start + PART, p.V);
    const z = p.z + at4(row * p.pitch);
    const list = p.leaders + <usize>(part * MAX) * LEADER;
    for (let n = 0; n < count; n++) {
      store<f32>(list + <usize>n * LEADER, LOWEST);
      store<u32>(list + <usize>n * LEADER, NONE, 4);
    }
    for (let v = start; v < last; v++) insert(list, count, load<f32>(z + at4(v)), v);

    const top = load<f32>(list);
    let sums = f32x4.splat(0);
    let v = start;
    for (; v <= last - 4; v += 4)
      sums = f32x4.add(sums, exp4(f32x4.sub(v128.load(z + at4(v)), f32x4.splat(top))));
    let sum = sum4(sums);
    for (; v < last; v++) sum += exp1(load<f32>(z + at4(v)) - top);
    store<f32>(p.sums + at4(part), sum);
  }
}

/** Inserts a token into the sorted list of the `count` best, if it is among them. */
function insert(list: usize, count: i32, score: f32, id: u32): void {
  let n = count - 1;
  let at = list + <usize>n * LEADER;
  if (!isBefore(score, id, load<f32>(at), load<u32>(at, 4))) return;
  for (; n > 0; n--, at -= LEADER) {
    const above = at - LEADER;
    if (!isBefore(score, id, load<f32>(above), load<u32>(above, 4))) break;
    store<u64>(at, load<u64>(above));
  }
  store<f32>(at, score);
  store<u32>(at, id, 4);
}

export function mergeLikely(p: MostLikelyArguments, first: i32, end: i32, scratch: usize): void {
  for (let row = first; row < end; row++) {
    const count = countOf(p, row);
    if (count === 0 || load<f32>(p.draws + at4(row)) < 0) continue;
    for (let n = 0; n < count; n++) {
      store<f32>(scratch + <usize>n * LEADER, LOWEST);
      store<u32>(scratch + <usize>n * LEADER, NONE, 4);
    }
    const firstPart = row * p.parts;
    for (let part = firstPart; part < firstPart + p.parts; part++) {
      const list = p.partLeaders + <usize>(part * MAX) * LEADER;
      for (let n = 0; n < count; n++)
        insert(scratch, count, load<f32>(list + <usize>n * LEADER), load<u32>(list + <usize>n * LEADER, 4));
    }
    const top = load<f32>(scratch);
    let sum: f32 = 0;
    for (let part = firstPart; part < firstPart + p.parts; part++) {
      const best = load<f32>(p.partLeaders + <usize>(part * MAX) * LEADER);
      sum += load<f32>(p.partSums + at4(part)) * exp1(best - top);
    }
    for (let n = 0; n < count; n++) {
      const leader = scratch + <usize>n * LEADER;
      const to = p.picked + at4(row * p.record + p.at + 2 * n);
      store<u32>(to, load<u32>(leader, 4));
      store<f32>(to, exp1(load<f32>(leader) - top) / sum, 4);
    }
    const record = p.picked + at4(row * p.record);
    const chosen = load<u32>(record);
    if (chosen < <u32>p.V) store<f32>(record, load<f32>(p.z + at4(row * p.pitch + chosen)) - top, 8);
  }
}
