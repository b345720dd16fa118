/** How the open rows are distributed: over lengths, labels, roles and turns, and how many a limit cuts. */
import { singleOf } from '../text/trainable.ts';
import type { Example } from './example.ts';
import type { Part } from './parts.ts';
import { whole } from './findings/slow.ts';
import { labelOfEntry } from './row-columns.ts';
import type { Entry, RowSet } from './row-set.ts';
import { histogramOf, type Histogram } from './statistics.ts';

/** Rows that are longer than a limit, of all that can be made. */
export interface CutAt {
  readonly limit: number;
  readonly rows: number;
}

/** Rows of one kind in each part. */
export interface PartCounts extends Readonly<Record<Part, number>> {
  readonly name: string;
}

export interface Distribution {
  /** Rows that are used, and those that were counted for the limits: the ones that are too long are among them. */
  readonly rows: number;
  readonly made: number;
  /** Supervised tokens of the rows that are used. */
  readonly supervised: Histogram;
  /** In ascending order: powers of two up to the longest row, and the limit. */
  readonly cut: readonly CutAt[];
  /** The answers, the most frequent first, if they are labels. */
  readonly labels: readonly PartCounts[];
  /** Turns of conversations, by their role. */
  readonly roles: readonly PartCounts[];
  /** Conversations, by the number of their turns. */
  readonly turns: readonly PartCounts[];
  /** Rows that repeat an earlier one, and rows that are held out and trained on. */
  readonly repeated: number;
  readonly leaked: number;
}

const SHORTEST_LIMIT = 32;
const NONE = { train: 0, validation: 0, test: 0 };

class Counts {
  readonly #counts = new Map<string, Record<Part, number>>();

  add(name: string, part: Part): void {
    const known = this.#counts.get(name) ?? { ...NONE };
    known[part]++;
    this.#counts.set(name, known);
  }

  all(): PartCounts[] {
    return [...this.#counts].map(([name, counts]) => ({ name, ...counts }));
  }
}

const sum = ({ train, validation, test }: PartCounts): number => train + validation + test;

/** @param hasLabels whether the answers are labels (`labelsOf`) */
export const distributionOf = (data: RowSet, hasLabels: boolean): Distribution =>
  whole(distributing(data, hasLabels));

/** Rows between two pauses. */
const ROWS_BETWEEN = 64;

/** The same with pauses, since conversations of a large file are read again. Yields the share that is done. */
export function* distributing(
  { entries, places, repeated, leaked, options }: RowSet,
  hasLabels: boolean,
): Generator<number, Distribution> {
  const lengths = lengthsOf(entries);
  const [labels, roles, turns] = [new Counts(), new Counts(), new Counts()];
  for (const [at, place] of places.entries()) {
    if (at % ROWS_BETWEEN === 0) yield at / places.length;
    const { part } = place;
    const label = hasLabels ? labelOfEntry(place) : undefined;
    if (label !== undefined) labels.add(label, part);
    if (place.large && !mayHaveTurns(place.large.of.index.kinds)) continue;
    const { example } = place;
    const single = example && singleOf(example);
    if (single?.kind !== 'messages') continue;
    const { messages } = single;
    for (const { role } of messages) roles.add(role, part);
    turns.add(String(messages.length), part);
  }
  return {
    rows: places.length,
    made: lengths.length,
    supervised: histogramOf(places.map(({ supervised }) => supervised)),
    cut: cutsOf(lengths, options?.maxLength),
    labels: labels.all().sort((a, b) => sum(b) - sum(a)),
    roles: roles.all().sort((a, b) => sum(b) - sum(a)),
    turns: turns.all().sort((a, b) => Number(a.name) - Number(b.name)),
    ...{ repeated: repeated.size, leaked: leaked.size },
  };
}

/** Whether rows of these kinds may be conversations. */
const mayHaveTurns = (kinds: readonly Example['kind'][]): boolean =>
  kinds.some((kind) => kind === 'messages' || kind === 'pair' || kind === 'unpaired');

/** Tokens before the limit of the rows that could be used. */
const lengthsOf = (entries: readonly Entry[]): number[] =>
  entries.flatMap(({ length, state }) =>
    length > 0 && state !== 'skipped' && state !== 'copy' && state !== 'capped' ? [length] : [],
  );

function cutsOf(lengths: readonly number[], own: number | undefined): CutAt[] {
  const sorted = Uint32Array.from(lengths).sort();
  const longest = sorted.at(-1) ?? 0;
  const limits = new Set<number>(own === undefined ? [] : [own]);
  for (let limit = SHORTEST_LIMIT; limit < 2 * longest; limit *= 2) limits.add(limit);
  return [...limits]
    .sort((a, b) => a - b)
    .map((limit) => ({ limit, rows: sorted.length - countUpTo(sorted, limit) }));
}

/** How many numbers of an ascending list are at most this. */
function countUpTo(sorted: Uint32Array, max: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= max) low = middle + 1;
    else high = middle;
  }
  return low;
}
