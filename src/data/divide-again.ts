/**
 * Rows that are divided again after a change of some: the others keep their parts. The result equals that of dividing all of them, in the time of what
 * changed and of copying the lists.
 */
import type { DataOptions } from './options.ts';
import { divisibleOf, rowIdentity, withFate } from './divide.ts';
import { fateOf, findRepeats, skippedLines, type Part, type Repeats } from './parts.ts';
import { isUsedEntry, type Entry, type UsedEntry } from './row-set.ts';

/** What divided rows were made from. */
export interface DividedFrom {
  /** The rows before they were divided, and after it, deleted ones among them. */
  readonly read: readonly Entry[];
  readonly all: readonly Entry[];
  /** The identity of each row of `read` (`rowIdentity`). */
  readonly identities: readonly (string | undefined)[];
  /** The part that the split gave each row of `read`, whatever a person chose; undefined for a row that the split does not know. */
  readonly split: readonly (Part | undefined)[];
  readonly options: DataOptions;
}

/** What a list of rows has in place of some rows of an earlier one. */
export interface ChangedList {
  readonly start: number;
  readonly gone: readonly Entry[];
  readonly come: readonly Entry[];
}

interface Rows extends Repeats {
  readonly entries: readonly Entry[];
  readonly places: readonly UsedEntry[];
}

type Skip = Pick<DataOptions, 'skip'>;

/** More changed rows are divided with all others. */
const MAX_CHANGED = 1000;

/** How rows are divided, apart from those that are left out. */
const howOf = ({ revision: _, skip: _skip, ...how }: DataOptions): string => JSON.stringify(how);

/** The rows between those that two lists start and end with: from `start`, of the earlier list and of the later one. */
function windowOf(
  earlier: readonly Entry[],
  later: readonly Entry[],
): { readonly start: number; readonly gone: number; readonly come: number } {
  const max = Math.min(earlier.length, later.length);
  let start = 0;
  while (start < max && earlier[start] === later[start]) start++;
  let end = 0;
  while (end < max - start && earlier.at(-1 - end) === later.at(-1 - end)) end++;
  return { start, gone: earlier.length - start - end, come: later.length - start - end };
}

/** As {@link windowOf}, of the same rows: from the first to the last of which another is left out now. */
function skippedAgain(read: readonly Entry[], earlier: Skip, later: Skip): ReturnType<typeof windowOf> {
  const [was, is] = [earlier, later].map(skippedLines);
  const isOther = ({ file, line }: Entry): boolean =>
    (was.at(file)?.has(line) ?? false) !== (is.at(file)?.has(line) ?? false);
  const start = read.findIndex(isOther);
  const count = read.findLastIndex(isOther) - start + 1;
  return start < 0 ? { start: read.length, gone: 0, come: 0 } : { start, gone: count, come: count };
}

/**
 * @param before the divided rows, and what they were made from
 * @param read the rows now: the same objects for those that did not change
 * @returns undefined if all rows have to be divided: too many changed, or what one row is decides on others
 */
export function divideAgain(
  before: Rows,
  from: DividedFrom,
  read: readonly Entry[],
  options: DataOptions,
): { readonly rows: Rows & { readonly changed: ChangedList }; readonly from: DividedFrom } | undefined {
  if (options.mixture || options.fair || options.dropCopies) return undefined;
  if (howOf(options) !== howOf(from.options)) return undefined;
  const window = windowOf(from.read, read);
  const isSame = window.gone === 0 && window.come === 0;
  const leavesOut = JSON.stringify(options.skip) !== JSON.stringify(from.options.skip);
  if (leavesOut && !isSame) return undefined;
  const { start, gone, come } = leavesOut ? skippedAgain(read, from.options, options) : window;
  if (gone > MAX_CHANGED || come > MAX_CHANGED) return undefined;
  const earlier = from.all.slice(start, start + gone);
  const changed = read.slice(start, start + come);

  const identities = changed.map(rowIdentity);
  const divisible = changed.map((entry, at) => divisibleOf(entry, identities[at]));

  // The split counts as many rows as before, in the same order: each has its earlier part.
  const parts = from.split.slice(start, start + gone).filter((part) => part !== undefined);
  const isDrawn = divisible.map((one) => one !== undefined && !one.added);
  if (isDrawn.filter(Boolean).length !== parts.length) return undefined;
  let next = 0;
  const split = isDrawn.map((drawn) => (drawn ? parts[next++] : undefined));
  const skipped = skippedLines(options);
  const later = changed.map((entry, at) => {
    const one = divisible[at];
    // A row that a person added has a part of its own, except in a file of test rows.
    return one ? withFate(entry, fateOf(one, split[at] ?? 'test', skipped)) : entry;
  });

  const all = from.all.toSpliced(start, gone, ...later);
  const hidden = before.entries.length === from.all.length ? 0 : countDeleted(from.all, start);
  const first = start - hidden;
  const [left, listed] = [earlier, later].map((rows) => rows.filter(({ deleted }) => !deleted));
  const entries = before.entries.toSpliced(first, left.length, ...listed);
  const behind = before.entries.slice(first + left.length).find(isUsedEntry);
  const usedLeft = left.filter(isUsedEntry).length;
  const usedEnd = behind ? before.places.indexOf(behind) : before.places.length;
  const places = before.places.toSpliced(usedEnd - usedLeft, usedLeft, ...listed.filter(isUsedEntry));
  if (!places.some(({ part }) => part === 'train')) return undefined;

  const whole: DividedFrom = {
    ...{ read, all, options },
    identities: from.identities.toSpliced(start, gone, ...identities),
    split: from.split.toSpliced(start, gone, ...split),
  };
  const repeats = repeatsAfter(before, {
    ...{ entries, identities: whole.identities, all },
    touched: new Set([...from.identities.slice(start, start + gone), ...identities]),
    ...{ first, left: left.length, come: listed.length },
  });
  const list = { start: first, gone: left, come: listed };
  return { rows: { entries, places, ...repeats, changed: list }, from: whole };
}

function countDeleted(all: readonly Entry[], end: number): number {
  let count = 0;
  for (let at = 0; at < end; at++) if (all[at].deleted) count++;
  return count;
}

/** Repeats after rows of the list changed: only rows that equal one of them, before or after, are compared again. */
function repeatsAfter(
  { repeated, leaked }: Repeats,
  now: {
    readonly entries: readonly Entry[];
    readonly all: readonly Entry[];
    /** The identity of each row of `all`. */
    readonly identities: readonly (string | undefined)[];
    readonly touched: ReadonlySet<string | undefined>;
    /** The first row of the list that changed, and how many there were and are now. */
    readonly first: number;
    readonly left: number;
    readonly come: number;
  },
): Repeats {
  const { entries, all, identities, touched, first, left, come } = now;
  const isWhole = entries.length === all.length;
  const again: number[] = [];
  const own: string[] = [];
  let listed = 0;
  for (let at = 0; at < identities.length; at++) {
    if (!isWhole && all[at].deleted) continue;
    const identity = identities[at];
    if (identity !== undefined && touched.has(identity)) {
      again.push(listed);
      own.push(identity);
    }
    listed++;
  }
  const compared = findRepeats(
    own,
    again.map((at) => entries[at].part),
  );
  const isAgain = new Set(again);
  const after = (
    old: ReadonlyMap<number, number>,
    found: ReadonlyMap<number, number>,
  ): Map<number, number> => {
    const result: [number, number][] = [...found].map(([at, of]) => [again[at], again[of]]);
    const moved = (at: number): number => (at < first ? at : at - left + come);
    for (const [at, of] of old) {
      const isGone = at >= first && at < first + left;
      if (!isGone && !isAgain.has(moved(at))) result.push([moved(at), moved(of)]);
    }
    return new Map(result.sort(([a], [b]) => a - b));
  };
  return {
    repeated: after(repeated, compared.repeated),
    leaked: after(leaked, compared.leaked),
  };
}
