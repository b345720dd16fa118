/**
 * Rows in parts of given shares, so that what belongs together stays together and each part has its share of each label. The split of a run
 * (`split.ts`) draws single rows instead, and is not changed by this.
 */
import { GraftError } from '../errors.ts';
import { everyPlace, itemOf, type List } from '../lists.ts';
import { plural } from '../numbers.ts';
import { Random } from '../random.ts';
import type { Part } from './parts.ts';

export interface SplitRow {
  /** Equal for rows that teach the same; may be left out for a row without copies. */
  readonly identity?: string | number;
  /** Equal for rows of one source; a row without one is a source of its own. */
  readonly group?: string | number;
  /** What each part gets its share of. */
  readonly stratum?: string;
  /** The part that a column gives it, where nothing is drawn. */
  readonly part?: Part;
}

/** Rows that stay together, by numbers: a million units as objects would take 200 MB. */
interface Units {
  readonly count: number;
  /** The rows of a unit, in the order of the file. */
  placesOf(unit: number): Uint32Array;
  /** The most frequent stratum of its rows. */
  stratumOf(unit: number): string;
}

/**
 * Copies and the rows of a group are dealt out whole. The units of a stratum follow each other, the largest first and otherwise in a drawn order, and each
 * goes to the part that lacks most rows so far. So single rows give each part its share of all rows and of each stratum to within one or two rows.
 *
 * @param shares of the parts, each above 0, together 1
 * @returns the part of each row
 * @throws GraftError `split` if a part gets no row
 */
export function splitFairly(rows: List<SplitRow>, shares: readonly number[], seed: number): number[] {
  const units = unitsOf(rows);
  const strata = new Map<string, number[]>();
  for (const unit of new Random(seed).shuffle(everyPlace(units.count))) {
    const stratum = units.stratumOf(unit);
    const known = strata.get(stratum);
    if (known) known.push(unit);
    else strata.set(stratum, [unit]);
  }
  const result = new Array<number>(rows.length).fill(0);
  const counts = shares.map(() => 0);
  let dealt = 0;
  const sizeOf = (unit: number): number => units.placesOf(unit).length;
  for (const stratum of [...strata.keys()].sort())
    for (const unit of strata.get(stratum)!.sort((a, b) => sizeOf(b) - sizeOf(a))) {
      const places = units.placesOf(unit);
      dealt += places.length;
      const lacks = shares.map((share, part) => share * dealt - counts[part]);
      const part = lacks.indexOf(Math.max(...lacks));
      counts[part] += places.length;
      for (const place of places) result[place] = part;
    }
  if (counts.includes(0))
    throw new GraftError(
      'split',
      `${rows.length} rows that stay together in ${plural(units.count, 'group')} leave a part without rows.`,
      'Give more rows, fewer or larger parts, or another --group.',
    );
  return result;
}

/** Rows that share an identity or a group, directly or through others. */
function unitsOf(rows: List<SplitRow>): Units {
  const { length } = rows;
  const parents = Uint32Array.from({ length }, (_, at) => at);
  const rootOf = (at: number): number => {
    let root = at;
    while (parents[root] !== root) root = parents[root];
    for (let next = at; parents[next] !== root;) [next, parents[next]] = [parents[next], root];
    return root;
  };
  for (const key of ['identity', 'group'] as const) {
    const firsts = new Map<string | number, number>();
    for (let at = 0; at < length; at++) {
      const value = itemOf(rows, at)[key];
      if (value === undefined) continue;
      const first = firsts.get(value);
      if (first === undefined) firsts.set(value, at);
      else parents[rootOf(at)] = rootOf(first);
    }
  }
  // Units are numbered by their first rows, and their rows laid end to end.
  const numbers = new Uint32Array(length);
  const unitAt = new Uint32Array(length);
  const ends: number[] = [];
  for (let at = 0; at < length; at++) {
    const root = rootOf(at);
    if (numbers[root] === 0) numbers[root] = ends.push(0);
    unitAt[at] = numbers[root] - 1;
    ends[unitAt[at]]++;
  }
  for (let unit = 1; unit < ends.length; unit++) ends[unit] += ends[unit - 1];
  const places = new Uint32Array(length);
  const next = Uint32Array.from(ends, (_, unit) => (unit === 0 ? 0 : ends[unit - 1]));
  for (let at = 0; at < length; at++) places[next[unitAt[at]]++] = at;
  const placesOf = (unit: number): Uint32Array =>
    places.subarray(unit === 0 ? 0 : ends[unit - 1], ends[unit]);
  return { count: ends.length, placesOf, stratumOf: (unit) => mostFrequent(rows, placesOf(unit)) };
}

function mostFrequent(rows: List<SplitRow>, places: Uint32Array): string {
  if (places.length === 1) return itemOf(rows, places[0]).stratum ?? '';
  const counts = new Map<string, number>();
  for (const place of places) {
    const { stratum = '' } = itemOf(rows, place);
    counts.set(stratum, (counts.get(stratum) ?? 0) + 1);
  }
  return [...counts].reduce((max, one) => (one[1] > max[1] ? one : max))[0];
}
