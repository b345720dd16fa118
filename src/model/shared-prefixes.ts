/**
 * Where the tokens of a micro-batch lie if sequences that start alike have their first tokens in one place:
 *
 *   [prefix | rest of a | rest of b | … | prefix of another group | …]
 *
 * Each sequence sees the prefix of its group and its own rest. A token that predicts a label belongs to one sequence, so the last token before the first
 * label is in the rest of each. A text that is predicted whole predicts in the prefix, too: of these, a group has one at most.
 */
import type { LabelledTokens } from './batch.ts';

/** Tokens `from` to `to` of a row. */
export interface SequencePart {
  readonly row: LabelledTokens;
  readonly from: number;
  readonly to: number;
}

/** Where a sequence lies. */
export interface Placement {
  /** Its first `shared` tokens lie from here on; those of other sequences are the same. */
  readonly prefix: number;
  readonly shared: number;
  /** The rest of it lies from here on. */
  readonly own: number;
  /** The end of its group: the last token that sees a shared one lies before it. */
  readonly end: number;
}

export interface Layout {
  /** Tokens that are computed. */
  readonly tokens: number;
  /** By sequence. */
  readonly placements: readonly Placement[];
}

/** The sequences of rows, in their order. */
export function sequenceParts(rows: readonly LabelledTokens[]): SequencePart[] {
  return rows.flatMap((row) => {
    const ends = [...Array.from(row.starts ?? []), row.ids.length];
    return ends.map((to, at) => ({ row, from: at === 0 ? 0 : ends[at - 1], to }));
  });
}

/** The layout without shared tokens: one sequence after the other. */
export function endToEnd(parts: readonly SequencePart[]): Layout {
  let tokens = 0;
  const placements = parts.map(({ from, to }): Placement => {
    const own = tokens;
    tokens += to - from;
    return { prefix: own, shared: 0, own, end: tokens };
  });
  return { tokens, placements };
}

/** More sequences share nothing: groups are found in the square of their number, and no device computes so many at once. */
const MAX_SEQUENCES = 2048;

/** Tokens of rows in that layout. Those of more sequences are only counted: a plan may ask for hundreds of thousands at once, in every step. */
export function tokensWithSharedPrefixes(rows: readonly LabelledTokens[]): number {
  const sequences = rows.reduce((sum, { starts }) => sum + 1 + (starts?.length ?? 0), 0);
  if (sequences > MAX_SEQUENCES) return rows.reduce((sum, { ids }) => sum + ids.length, 0);
  return withSharedPrefixes(sequenceParts(rows)).tokens;
}

/** The layout in groups that each have one prefix. Groups and sequences keep their order. */
export function withSharedPrefixes(parts: readonly SequencePart[]): Layout {
  if (parts.length > MAX_SEQUENCES || !beginAlike(parts)) return endToEnd(parts);
  const groups = groupsOf(parts);
  const placements: Placement[] = [];
  let tokens = 0;
  for (const { members, shared } of groups) {
    const prefix = tokens;
    const lengths = members.map((at) => parts[at].to - parts[at].from - shared);
    let own = prefix + shared;
    const end = own + lengths.reduce((sum, length) => sum + length, 0);
    members.forEach((at, i) => {
      placements[at] = { prefix, shared, own, end };
      own += lengths[i];
    });
    tokens = end;
  }
  return { tokens, placements };
}

/** Whether any two sequences have a token to share: for most rows without a common prefix, the first token says it. */
function beginAlike(parts: readonly SequencePart[]): boolean {
  const first = parts.filter((part) => shareableTokens(part) > 0).map((part) => idAt(part, 0));
  return new Set(first).size < first.length;
}

/**
 * Rows whose shared prefixes are so short that the rows one after the other need no more tokens than the given ones with shared prefixes: for a plan of
 * that size, in either layout.
 *
 * @returns undefined if nothing is left to share
 */
export function withShortPrefixes<Row extends LabelledTokens>(rows: readonly Row[]): Row[] | undefined {
  const parts = sequenceParts(rows);
  const { placements } = withSharedPrefixes(parts);
  const members = new Map<number, number>();
  for (const { prefix, shared } of placements)
    if (shared > 0) members.set(prefix, (members.get(prefix) ?? 0) + 1);
  /** How many tokens of a shared prefix each sequence keeps. */
  const kept = ({ prefix, shared }: Placement): number => Math.floor(shared / (members.get(prefix) ?? 1));
  if (!placements.some((one) => one.shared > 0 && kept(one) > 0)) return undefined;
  let at = 0;
  return rows.map((row) => {
    const ids: number[] = [];
    const labels: number[] = [];
    const starts: number[] = [];
    const end = at + 1 + (row.starts?.length ?? 0);
    for (; at < end; at++) {
      const { from, to } = parts[at];
      if (from > 0) starts.push(ids.length);
      const cut = from + placements[at].shared;
      for (let t = from; t < to; t++) {
        if (t >= from + kept(placements[at]) && t < cut) continue;
        ids.push(row.ids[t]);
        labels.push(row.labels[t]);
      }
    }
    return { ...row, ids, labels, ...(row.starts && { starts }) };
  });
}

interface Group {
  /** Indices of sequences, ascending. */
  readonly members: readonly number[];
  readonly shared: number;
}

/**
 * In alphabetical order, the sequences with a common prefix are neighbours. Groups are the intervals of that order that save the most tokens together:
 * `saved[i]` are those that the first i sequences can save.
 */
function groupsOf(parts: readonly SequencePart[]): Group[] {
  const shareable = parts.map(shareableTokens);
  const order = [...parts.keys()].sort((a, b) => {
    const equal = commonPrefix(parts[a], shareable[a], parts[b], shareable[b]);
    if (equal < shareable[a] && equal < shareable[b]) return idAt(parts[a], equal) - idAt(parts[b], equal);
    return shareable[a] - shareable[b] || a - b;
  });
  /** Tokens that each has in common with the one before it. */
  const common = order.map((at, i) =>
    i === 0 ? 0 : commonPrefix(parts[order[i - 1]], shareable[order[i - 1]], parts[at], shareable[at]),
  );
  const saved = [0];
  const from: number[] = [0];
  for (let i = 1; i <= order.length; i++) {
    saved[i] = saved[i - 1];
    from[i] = i - 1;
    let shared = Infinity;
    let whole = Number(isWhole(parts[order[i - 1]]));
    for (let j = i - 2; j >= 0; j--) {
      shared = Math.min(shared, common[j + 1]);
      whole += Number(isWhole(parts[order[j]]));
      if (shared === 0 || whole > 1) break;
      const sum = saved[j] + (i - j - 1) * shared;
      if (sum > saved[i]) {
        saved[i] = sum;
        from[i] = j;
      }
    }
  }
  const groups: Group[] = [];
  for (let i = order.length; i > 0; i = from[i]) {
    const members = order.slice(from[i], i).sort((a, b) => a - b);
    groups.push({ members, shared: members.length > 1 ? Math.min(...common.slice(from[i] + 1, i)) : 0 });
  }
  return groups.sort((a, b) => a.members[0] - b.members[0]);
}

const idAt = ({ row, from }: SequencePart, at: number): number => row.ids[from + at];

/** How many of the first tokens two sequences have in common, of those that they can share. */
function commonPrefix(a: SequencePart, mostA: number, b: SequencePart, mostB: number): number {
  const max = Math.min(mostA, mostB);
  let equal = 0;
  while (equal < max && idAt(a, equal) === idAt(b, equal)) equal++;
  return equal;
}

/** Whether every token of it predicts the next. */
const isWhole = ({ row, from }: SequencePart): boolean => row.whole === true && from === 0;

/** How many of its first tokens predict nothing that has a label. At least one token stays its own. */
function shareableTokens({ row, from, to }: SequencePart): number {
  let labelled = from + 1;
  while (labelled < to && !(row.labels[labelled] >= 0)) labelled++;
  return Math.max(0, Math.min(labelled, to) - 1 - from);
}
