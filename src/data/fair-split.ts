/**
 * Rows in parts of given shares, so that what belongs together stays together and each part has its share of each label. The split of a run
 * (`split.ts`) draws single rows instead, and is not changed by this.
 */
import { GraftError } from '../errors.ts';
import { plural } from '../numbers.ts';
import { Random } from '../random.ts';

export interface SplitRow {
  /** Equal for rows that teach the same. */
  readonly identity: string;
  /** Equal for rows of one source; a row without one is a source of its own. */
  readonly group?: string;
  /** What each part gets its share of. */
  readonly stratum?: string;
}

/** Rows that stay together. */
interface Unit {
  readonly places: number[];
  /** The most frequent of its rows. */
  readonly stratum: string;
}

/**
 * Copies and the rows of a group are dealt out whole. The units of a stratum follow each other, the largest first and otherwise in a drawn order, and each
 * goes to the part that lacks most rows so far. So single rows give each part its share of all rows and of each stratum to within one or two rows.
 *
 * @param shares of the parts, each above 0, together 1
 * @returns the part of each row
 * @throws GraftError `split` if a part gets no row
 */
export function splitFairly(rows: readonly SplitRow[], shares: readonly number[], seed: number): number[] {
  const units = new Random(seed).shuffle(unitsOf(rows));
  const strata = [...new Set(units.map(({ stratum }) => stratum))].sort();
  const result = new Array<number>(rows.length).fill(0);
  const counts = shares.map(() => 0);
  let dealt = 0;
  for (const stratum of strata) {
    const own = units.filter((unit) => unit.stratum === stratum);
    for (const { places } of own.sort((a, b) => b.places.length - a.places.length)) {
      dealt += places.length;
      const lacks = shares.map((share, part) => share * dealt - counts[part]);
      const part = lacks.indexOf(Math.max(...lacks));
      counts[part] += places.length;
      for (const place of places) result[place] = part;
    }
  }
  if (counts.includes(0))
    throw new GraftError(
      'split',
      `${rows.length} rows that stay together in ${plural(units.length, 'group')} leave a part without rows.`,
      'Give more rows, fewer or larger parts, or another --group.',
    );
  return result;
}

/** Rows that share an identity or a group, directly or through others. */
function unitsOf(rows: readonly SplitRow[]): Unit[] {
  const parents = rows.map((_, at) => at);
  const rootOf = (at: number): number => {
    let root = at;
    while (parents[root] !== root) root = parents[root];
    for (let next = at; parents[next] !== root;) [next, parents[next]] = [parents[next], root];
    return root;
  };
  for (const key of ['identity', 'group'] as const) {
    const firsts = new Map<string, number>();
    rows.forEach((row, at) => {
      const value = row[key];
      if (value === undefined) return;
      const first = firsts.get(value);
      if (first === undefined) firsts.set(value, at);
      else parents[rootOf(at)] = rootOf(first);
    });
  }
  const units = new Map<number, number[]>();
  rows.forEach((_, at) => {
    const root = rootOf(at);
    const places = units.get(root);
    if (places) places.push(at);
    else units.set(root, [at]);
  });
  return [...units.values()].map((places) => ({ places, stratum: mostFrequent(rows, places) }));
}

function mostFrequent(rows: readonly SplitRow[], places: readonly number[]): string {
  const counts = new Map<string, number>();
  for (const place of places) {
    const { stratum = '' } = rows[place];
    counts.set(stratum, (counts.get(stratum) ?? 0) + 1);
  }
  return [...counts].reduce((most, one) => (one[1] > most[1] ? one : most))[0];
}
