// The next token of each sequence, chosen from its logits as transformers' generate does: repetition penalty, temperature, top-k, top-p,
// min-p, then one draw. No sort: tokens have an order, most likely first and of equals the first id first, and each of the three choices
// is the first token in that order at which a running total passes a goal:
//
//   top-k    the count passes k − 1              top-p    the mass passes p · (mass of what top-k left)
//   draw     the mass passes u · (mass of what is left)            mass of a token: exp((score − best score) / temperature)
//
// Such a token is found by a radix search of the scores' bits, 11 of them at a time: masses are summed into bins in f64, and the bin in which the
// goal is passed becomes the next prefix.
//
// z: logits [S, pitch] f32. seen: [S, words], a bit for each token that occurred. draws: [S] in [0, 1), negative for a sequence that has
// ended, which is left alone. ids: [S], the chosen token, where the next replay's embedding reads it. picked: [S, record], what the host
// reads: the token, or NONE if the best score is no finite number; then the bits of the best score. best: [S, parts], places. settings:
// those of each sequence.
//
// A unit of bestOfPart is a part of PART tokens of a sequence; of pick, a sequence.
import { exp1, Read, Write } from './common';
import { at4 } from './vectors';

@unmanaged
class SamplingArguments {
  z: Read;
  settings: Read;
  draws: Read;
  seen: Write;
  best: Write;
  firsts: Read;
  ids: Write;
  picked: Write;
  V: i32;
  pitch: i32;
  words: i32;
  parts: i32;
  record: i32;
}

/** As `encodeSettings` in ../../ops/sampling.ts writes them. */
@unmanaged
class Settings {
  temperature: f32;
  topP: f32;
  minP: f32;
  penalty: f32;
  topK: u32;
}

/** Bytes of the settings of a sequence. */
const SETTINGS: usize = 32;

function settingsOf(p: SamplingArguments, row: i32): Settings {
  return changetype<Settings>(p.settings + <usize>row * SETTINGS);
}

const NONE: u32 = 0xffffffff;
const INFINITE: u32 = 0x7f800000;
const SIGN: u32 = 0x80000000;
/** As in ../lower/sampling.ts. */
const PART = 1024;
const DIGITS = 3;
/** exp of this is 0, or nearly. */
const LOWEST: f32 = -200;
/** Sorts after all tokens. */
const NOWHERE: u64 = u64.MAX_VALUE;

/** Keys rise as scores fall, and NaN is before everything. */
function keyOf(bits: u32): u32 {
  if ((bits & ~SIGN) > INFINITE) return 0;
  return bits & SIGN ? bits : ~(bits | SIGN);
}

function bitsOf(key: u32): u32 {
  return key & SIGN ? key : ~(key | SIGN);
}

/** The key of a token's score, after the penalty. */
function keyAt(p: SamplingArguments, row: i32, v: i32): u32 {
  let bits = load<u32>(p.z + at4(row * p.pitch + v));
  const penalty = settingsOf(p, row).penalty;
  if (penalty !== 1 && (bits & INFINITE) !== INFINITE) {
    const marks = load<u32>(p.seen + at4(row * p.words + (v >> 5)));
    if ((marks >> (v & 31)) & 1) {
      const score = reinterpret<f32>(bits);
      bits = reinterpret<u32>(score > 0 ? score / penalty : score * penalty);
    }
  }
  // −0 equals 0.
  return keyOf(bits === SIGN ? 0 : bits);
}

/** A place in the order: the key of a score, then the id. */
function placeOf(key: u32, v: i32): u64 {
  return ((<u64>key) << 32) | (<u64>v);
}

export function bestOfPart(p: SamplingArguments, first: i32, end: i32, _scratch: usize): void {
  for (let unit = first; unit < end; unit++) {
    const row = unit / p.parts;
    const start = (unit % p.parts) * PART;
    let place = NOWHERE;
    if (load<f32>(p.draws + at4(row)) >= 0) {
      const last = min(start + PART, p.V);
      for (let v = start; v < last; v++) place = min(place, placeOf(keyAt(p, row, v), v));
    }
    store<u64>(p.best + ((<usize>unit) << 3), place);
  }
}

/** How much a token adds to the running total: its mass, if that is at least `least`. */
function massOf(key: u32, top: f32, least: f32, temperature: f32): f64 {
  const bits = bitsOf(key);
  if (bits === (INFINITE | SIGN)) return 0;
  const mass = exp1(max<f32>((reinterpret<f32>(bits) - top) / temperature, LOWEST));
  return mass >= least ? mass : 0;
}

/**
 * The place of the first token up to `limit` at which the running total passes `goal`: a number of tokens if `byCount`, else a share of the whole
 * mass.
 */
function search(
  p: SamplingArguments,
  row: i32,
  limit: u64,
  byCount: bool,
  top: f32,
  least: f32,
  goal: f64,
  bins: usize,
): u64 {
  const temperature = settingsOf(p, row).temperature;
  let prefix: u32 = 0;
  let rest = goal;
  let shift: u32 = 32;
  for (let digit = 0; digit < DIGITS; digit++) {
    const before = shift;
    shift = digit === 0 ? 21 : digit === 1 ? 10 : 0;
    const count = (<i32>1) << (before - shift);
    memory.fill(bins, 0, (<usize>count) << 3);
    for (let v = 0; v < p.V; v++) {
      const key = keyAt(p, row, v);
      if ((digit > 0 && key >> before !== prefix) || placeOf(key, v) > limit) continue;
      const bin = bins + ((<usize>((key >> shift) & (count - 1))) << 3);
      store<f64>(bin, load<f64>(bin) + (byCount ? 1 : massOf(key, top, least, temperature)));
    }
    if (digit === 0 && !byCount) {
      let whole: f64 = 0;
      for (let bin = 0; bin < count; bin++) whole += load<f64>(bins + ((<usize>bin) << 3));
      rest = goal * whole;
    }
    // Sums round: if no bin passes the goal, take the last that is not empty.
    let chosen = 0;
    let below: f64 = 0;
    let sum: f64 = 0;
    for (let bin = 0; bin < count && sum <= rest; bin++) {
      const own = load<f64>(bins + ((<usize>bin) << 3));
      if (own === 0) continue;
      chosen = bin;
      below = sum;
      sum += own;
    }
    rest -= below;
    prefix = (prefix << (before - shift)) | chosen;
  }

  // Tokens with exactly this score have equal masses: `skip` of them come before the wanted one.
  const mass = byCount ? 1 : massOf(prefix, top, least, temperature);
  let skip: f64 = mass > 0 ? floor<f64>(rest / mass) : 0;
  let found: u64 = placeOf(prefix, 0);
  for (let v = 0; v < p.V && skip >= 0; v++) {
    if (keyAt(p, row, v) !== prefix || placeOf(prefix, v) > limit) continue;
    found = placeOf(prefix, v);
    skip -= 1;
  }
  return found;
}

export function pick(p: SamplingArguments, first: i32, end: i32, scratch: usize): void {
  for (let row = first; row < end; row++) {
    const settings = settingsOf(p, row);
    const draw = load<f32>(p.draws + at4(row));
    if (draw < 0) continue;
    let best = NOWHERE;
    for (let i = 0; i < p.parts; i++)
      best = min(best, load<u64>(p.firsts + ((<usize>(row * p.parts + i)) << 3)));
    const bits = bitsOf(<u32>(best >> 32));
    const finite = best >> 32 !== 0 && (bits & INFINITE) !== INFINITE;

    let chosen = best;
    if (settings.temperature > 0 && finite) {
      const top = reinterpret<f32>(bits);
      let limit = NOWHERE;
      if (settings.topK > 0 && settings.topK < <u32>p.V)
        limit = search(p, row, limit, true, top, 0, <f64>settings.topK - 1, scratch);
      if (settings.topP < 1) limit = search(p, row, limit, false, top, 0, settings.topP, scratch);
      chosen = search(p, row, limit, false, top, settings.minP, draw, scratch);
    }
    const id = <u32>chosen;
    store<u32>(p.ids + at4(row), id);
    const marks = p.seen + at4(row * p.words + (id >> 5));
    store<u32>(marks, load<u32>(marks) | ((<u32>1) << (id & 31)));
    const record = p.picked + at4(row * p.record);
    store<u32>(record, finite ? id : NONE);
    store<u32>(record, bits, 4);
  }
}
