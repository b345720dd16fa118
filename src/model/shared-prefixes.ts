/**
 * Where the tokens of a micro-batch lie if sequences that start alike have their first tokens in one place. The places form a tree, and each branch lies
 * behind what it shares:
 *
 *   [shared by all | rest of a | shared by b and c | rest of b | rest of c | …]
 *
 * A sequence sees what is on its way from the root. The first branch continues the range of what it shares, and every other begins a range of its own, so
 * the branch that needs the most ranges comes first: then they are the Strahler number of the tree at most, 1 + log2 of its sequences.
 *
 * A token that predicts a label belongs to one sequence, so the last token before the first label is in the rest of each. A text that is predicted
 * whole predicts in what it shares, too: of these, a token is shared by one at most.
 */
import type { LabelledTokens } from './batch.ts';

/** Tokens `from` to `to` of a row. */
export interface SequencePart {
  readonly row: LabelledTokens;
  readonly from: number;
  readonly to: number;
}

/** Tokens `from` to `to` of a sequence, which lie from `place` on. The last token that sees them lies before `end`. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly place: number;
  readonly end: number;
}

export interface PrefixLayout {
  /** Tokens that are computed. */
  readonly tokens: number;
  /** The most ranges of places that a token sees. */
  readonly ranges: number;
  /** For each sequence all of its tokens, in order. */
  readonly stretches: readonly (readonly Stretch[])[];
}

/** The sequences of rows, in their order. */
export function sequenceParts(rows: readonly LabelledTokens[]): SequencePart[] {
  return rows.flatMap((row) => {
    const ends = [...Array.from(row.starts ?? []), row.ids.length];
    return ends.map((to, at) => ({ row, from: at === 0 ? 0 : ends[at - 1], to }));
  });
}

/** The layout without shared tokens: one sequence after the other. */
export function endToEnd(parts: readonly SequencePart[]): PrefixLayout {
  let tokens = 0;
  const stretches = parts.map(({ from, to }): Stretch[] => {
    const place = tokens;
    tokens += to - from;
    return [{ from: 0, to: to - from, place, end: tokens }];
  });
  return { tokens, ranges: 1, stretches };
}

/** More sequences share nothing: what they have in common is found in the square of their number, and no device computes so many at once. */
const MAX_SEQUENCES = 2048;

/**
 * Tokens and ranges of rows in that layout. Those of more sequences are only counted: a plan may ask for hundreds of thousands at once, in every step.
 *
 * @param most ranges that a token may have
 */
export function sizeOfSharedPrefixes(
  rows: readonly LabelledTokens[],
  most = Infinity,
): Pick<PrefixLayout, 'tokens' | 'ranges'> {
  const sequences = rows.reduce((sum, { starts }) => sum + 1 + (starts?.length ?? 0), 0);
  if (sequences > MAX_SEQUENCES)
    return { tokens: rows.reduce((sum, { ids }) => sum + ids.length, 0), ranges: 1 };
  return withSharedPrefixes(sequenceParts(rows), most);
}

/**
 * The layout as a tree. Branches and sequences keep their order, except that one branch comes first.
 *
 * @param most ranges that a token may have: branches that need more have what they share once more
 */
export function withSharedPrefixes(parts: readonly SequencePart[], most = Infinity): PrefixLayout {
  if (parts.length > MAX_SEQUENCES || !beginAlike(parts)) return endToEnd(parts);
  const roots = treesOf(parts);
  for (const node of nodesOf(roots).reverse()) {
    const { ordered } = mostRangesFirst(node.branches);
    node.branches = ordered.filter((branch, at) => {
      const stays = at === 0 || branch.ranges < most;
      if (!stays) roots.push(Object.assign(branch, { from: 0 }));
      return stays;
    });
    node.ranges = mostRangesFirst(node.branches).ranges;
  }
  const stretches: Stretch[][] = [];
  let tokens = 0;
  const placed = nodesOf(roots.sort(inOrder));
  for (const { from, to, way, branches, sequence, stretch } of placed) {
    Object.assign(stretch, { from, to, place: tokens });
    tokens += to - from;
    const path = [...way, stretch];
    if (branches.length === 0) stretches[sequence] = path;
    for (const branch of branches) branch.way = path;
  }
  for (const { stretch, branches } of placed.reverse())
    stretch.end = branches.at(-1)?.stretch.end ?? stretch.place + stretch.to - stretch.from;
  return { tokens, ranges: Math.max(...roots.map(({ ranges }) => ranges)), stretches };
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
  const { stretches } = withSharedPrefixes(parts);
  /** How many sequences have the stretch that begins at a place. */
  const members = new Map<number, number>();
  for (const { place } of stretches.flat()) members.set(place, (members.get(place) ?? 0) + 1);
  const isShared = ({ place }: Stretch): boolean => members.get(place)! > 1;
  /** How many tokens of a stretch each sequence keeps. */
  const kept = ({ from, to, place }: Stretch): number => Math.floor((to - from) / members.get(place)!);
  if (!stretches.flat().some((one) => isShared(one) && kept(one) > 0)) return undefined;
  let at = 0;
  return rows.map((row) => {
    const ids: number[] = [];
    const labels: number[] = [];
    const starts: number[] = [];
    const end = at + 1 + (row.starts?.length ?? 0);
    for (; at < end; at++) {
      const { from } = parts[at];
      if (from > 0) starts.push(ids.length);
      for (const stretch of stretches[at])
        for (let t = from + stretch.from; t < from + stretch.from + kept(stretch); t++) {
          ids.push(row.ids[t]);
          labels.push(row.labels[t]);
        }
    }
    return { ...row, ids, labels, ...(row.starts && { starts }) };
  });
}

/** Tokens that some sequences share, or the rest of one. */
interface Node {
  from: number;
  readonly to: number;
  /** The first sequence that has them. */
  sequence: number;
  /** What follows them; nothing for the rest of a sequence. */
  branches: Node[];
  ranges: number;
  readonly stretch: Writable<Stretch>;
  /** The stretches before it. */
  way: readonly Stretch[];
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

const nodeOf = (to: number, sequence: number): Node => ({
  ...{ from: 0, to, sequence, branches: [], ranges: 1, way: [] },
  stretch: { from: 0, to, place: 0, end: 0 },
});

const inOrder = (a: Node, b: Node): number => a.sequence - b.sequence;

/** The nodes of trees, each before its branches. Sequences may make a tree that is too deep for recursion. */
function nodesOf(roots: readonly Node[]): Node[] {
  const nodes: Node[] = [];
  const open = [...roots].reverse();
  for (let node = open.pop(); node; node = open.pop()) {
    nodes.push(node);
    open.push(...[...node.branches].reverse());
  }
  return nodes;
}

/** The trees of sequences. In alphabetical order, those with a common prefix are neighbours. */
function treesOf(parts: readonly SequencePart[]): Node[] {
  const shareable = parts.map(shareableTokens);
  const order = [...parts.keys()].sort((a, b) => {
    const equal = commonPrefix(parts[a], shareable[a], parts[b], shareable[b]);
    if (equal < shareable[a] && equal < shareable[b]) return idAt(parts[a], equal) - idAt(parts[b], equal);
    return shareable[a] - shareable[b] || a - b;
  });
  /** Tokens that each has in common with the one before it: all that the tree saves. */
  const common = order.map((at, i) =>
    i === 0 ? 0 : commonPrefix(parts[order[i - 1]], shareable[order[i - 1]], parts[at], shareable[at]),
  );
  // Two texts that are predicted whole cannot share: the order is cut between them, at the place that costs the fewest tokens.
  let whole: number | undefined;
  order.forEach((sequence, i) => {
    if (!isWhole(parts[sequence])) return;
    if (whole !== undefined) {
      let cut = i;
      for (let at = i - 1; at > whole; at--) if (common[at] < common[cut]) cut = at;
      common[cut] = 0;
    }
    whole = i;
  });

  const close = (node: Node, last: Node): void => {
    last.from = node.to;
    node.branches.push(last);
    node.sequence = Math.min(node.sequence, last.sequence);
  };
  /** From the root on, each within the one before: those that further sequences may branch off. */
  const open = [nodeOf(0, order[0])];
  let last: Node | undefined;
  const closeTo = (shared: number): void => {
    for (let node = open[open.length - 1]; last && node.to > shared; node = open[open.length - 1]) {
      close(node, last);
      last = open.pop();
    }
  };
  order.forEach((sequence, i) => {
    if (last) {
      closeTo(common[i]);
      if (open[open.length - 1].to < common[i]) open.push(nodeOf(common[i], last.sequence));
      close(open[open.length - 1], last);
    }
    last = nodeOf(parts[sequence].to - parts[sequence].from, sequence);
  });
  closeTo(0);
  if (last) close(open[0], last);
  for (const node of nodesOf(open)) node.branches.sort(inOrder);
  return [...open[0].branches];
}

/**
 * The order of branches in which a token sees the fewest ranges: the first continues the range of what is before them, and all others begin their own.
 *
 * @param branches with the ranges of each by itself
 * @returns the most ranges of a token with what is before the branches
 */
export function mostRangesFirst<Branch extends { readonly ranges: number }>(
  branches: readonly Branch[],
): { readonly ordered: readonly Branch[]; readonly ranges: number } {
  const most = Math.max(1, ...branches.map(({ ranges }) => ranges));
  const first = branches.findIndex(({ ranges }) => ranges === most);
  const ordered =
    first > 0 ? [branches[first], ...branches.slice(0, first), ...branches.slice(first + 1)] : branches;
  return { ordered, ranges: Math.max(most, ...ordered.slice(1).map(({ ranges }) => ranges + 1)) };
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
