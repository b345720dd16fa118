/** Findings in pairs and judged answers before a run learns from them, in the same words for the page and the command. */
import {
  saidBy,
  sequencesOf,
  type ExampleContent,
  type Pair,
  type PairSide,
  type TokenRow,
} from '../text/trainable.ts';
import { identityOf } from './statistics.ts';

/** A row that is trained on. */
export interface LintedRow {
  /** The example that it was made from; missing after a reload. */
  readonly example?: ExampleContent;
  readonly row: TokenRow & { readonly cutAnswers?: readonly number[] };
}

/** @typeParam RowId how a row is identified in the list */
export interface PreferenceLint<RowId = number> {
  readonly pairs: number;
  readonly desirable: number;
  readonly undesirable: number;
  /** Mean lengths of both answers in tokens, and their difference (Cohen's d); if there are enough pairs to tell. */
  readonly lengths?: { readonly chosen: number; readonly rejected: number; readonly effect: number };
  /** Answers whose end is cut by the limit. */
  readonly cutChosen: number;
  readonly cutRejected: number;
  /** Pairs whose answers differ only in spaces. */
  readonly alike: readonly RowId[];
  /** Pairs that prefer what an earlier pair rejects. */
  readonly flipped: readonly RowId[];
  /** The rows whose tokens were counted, for lengths and cut answers; all of them if left out. */
  readonly looked?: number;
}

/** With fewer pairs, a difference of lengths says nothing. */
export const MIN_PAIRS = 10;
/** Cohen's own words: 0.2 is small, 0.5 medium, 0.8 large. Smaller differences are not reported. */
const MINOR_EFFECT = 0.3;
export const MAJOR_EFFECT = 0.8;
/** The largest ratio of weight times number between both labels (Ethayarajh and others, 2024). */
const MAX_IMBALANCE = 4 / 3;

/** @returns undefined if no row is a pair or has a label */
export function lintPreferences(rows: readonly LintedRow[]): PreferenceLint | undefined {
  const pairs = rows.filter(({ row }) => row.starts);
  const judged = rows.filter(({ row }) => row.desirable !== undefined);
  if (pairs.length + judged.length === 0) return undefined;
  const cut = (answer: number): number => pairs.filter(({ row }) => row.cutAnswers?.includes(answer)).length;
  const { alike, flipped } = findIdlePairs(rows.map(({ example }) => example));
  const desirable = judged.filter(({ row }) => row.desirable).length;
  const lengths = pairs.map(({ row }) => answerLengths(row));
  return {
    pairs: pairs.length,
    desirable,
    undesirable: judged.length - desirable,
    ...(pairs.length >= MIN_PAIRS && {
      lengths: effectOf(
        lengths.map(([chosen]) => chosen),
        lengths.map(([, rejected]) => rejected),
      ),
    }),
    cutChosen: cut(0),
    cutRejected: cut(1),
    alike,
    flipped,
  };
}

/** Pairs with nothing to prefer, and pairs that prefer what an earlier one rejects: their places. */
export function findIdlePairs(
  examples: readonly (ExampleContent | undefined)[],
): Record<'alike' | 'flipped', number[]> {
  const seen = new Set<string>();
  const alike: number[] = [];
  const flipped: number[] = [];
  examples.forEach((example, at) => {
    if (example?.kind !== 'pair') return;
    const { chosen, rejected }: Pair = example;
    const [one, other] = [identityOf(chosen), identityOf(rejected)];
    if (isAlike(example)) alike.push(at);
    else if (seen.has(JSON.stringify([other, one]))) flipped.push(at);
    seen.add(JSON.stringify([one, other]));
  });
  return { alike, flipped };
}

/** Whether the answers of a pair differ only in spaces. */
export function isAlike({ chosen, rejected }: Pair): boolean {
  // Most answers differ in their first words: then the texts need not be copied.
  if (!mayBeAlike(lastText(chosen), lastText(rejected))) return false;
  const [one, other] = [chosen, rejected].map((side) => identityOf(side).replace(/\s|\\[nt]/g, ''));
  return one === other;
}

/** The text that a side of a pair ends with; '' for ready tokens. */
function lastText(side: PairSide): string {
  if (side.kind === 'completion') return side.completion;
  const last = side.kind === 'messages' ? side.messages.at(-1) : undefined;
  return last ? saidBy(last) : '';
}

/** Spaces, and the characters that JSON writes them with. */
const isSpace = (char: string): boolean =>
  char === '\\' || char === 'n' || char === 't' || char.trim() === '';

/** Whether two texts are equal without {@link isSpace}. */
function mayBeAlike(one: string, other: string): boolean {
  for (let a = 0, b = 0; ; a++, b++) {
    while (a < one.length && isSpace(one[a])) a++;
    while (b < other.length && isSpace(other[b])) b++;
    if (a >= one.length || b >= other.length) return a >= one.length && b >= other.length;
    if (one[a] !== other[b]) return false;
  }
}

/** Tokens of each answer. */
function answerLengths(row: TokenRow): number[] {
  return sequencesOf(row).map(
    ([start, end]) => row.labels.slice(start + 1, end).filter((label) => label >= 0).length,
  );
}

const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Cohen's d: the difference of the means, in units of the spread that both have. */
export function effectOf(
  chosen: readonly number[],
  rejected: readonly number[],
): NonNullable<PreferenceLint['lengths']> {
  const means = [meanOf(chosen), meanOf(rejected)];
  const variance = (values: readonly number[], mean: number): number =>
    values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  const spread = Math.sqrt((variance(chosen, means[0]) + variance(rejected, means[1])) / 2);
  const difference = means[0] - means[1];
  return { chosen: means[0], rejected: means[1], effect: difference === 0 ? 0 : difference / spread };
}

/** Something to look at. */
interface PreferenceAdvice {
  readonly id: 'length-bias' | 'alike' | 'flipped' | 'one-label' | 'label-balance';
  readonly title: string;
  readonly why: string;
}

const plural = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

/** The findings, the gravest first. {@link cutWords} reports cut answers with the cut rows. */
export function adviceOf(lint: PreferenceLint<unknown>): PreferenceAdvice[] {
  const { desirable, undesirable, alike, flipped } = lint;
  const all: (PreferenceAdvice | false)[] = [
    desirable + undesirable > 0 &&
      Math.min(desirable, undesirable) === 0 && {
        id: 'one-label',
        title: `Every answer is marked as ${desirable > 0 ? 'desirable' : 'undesirable'}`,
        why: `KTO learns the difference between the two: bring ${desirable > 0 ? 'undesirable answers as well, or learn these supervised' : 'desirable answers as well'}.`,
      },
    Math.min(desirable, undesirable) > 0 && imbalanceOf(desirable, undesirable),
    lint.lengths !== undefined && lengthBias(lint.lengths),
    alike.length > 0 && {
      id: 'alike',
      title: `${plural(alike.length, 'pair has', 'pairs have')} answers that differ only in spaces`,
      why: 'There is nothing to prefer in them, and the model learns which spaces you like.',
    },
    flipped.length > 0 && {
      id: 'flipped',
      title: `${plural(flipped.length, 'pair prefers', 'pairs prefer')} what an earlier one rejects`,
      why: 'The same two answers stand there the other way round, and cancel each other out.',
    },
  ];
  return all.filter((advice) => advice !== false);
}

/** How many answers of pairs end at the limit; '' for none. */
export function cutWords({ cutChosen, cutRejected, looked }: PreferenceLint<unknown>): string {
  const parts = [cutChosen > 0 && `${cutChosen} chosen`, cutRejected > 0 && `${cutRejected} rejected`].filter(
    (part) => part !== false,
  );
  return parts.length === 0
    ? ''
    : `${looked === undefined ? 'The' : `In ${looked} rows that were looked at, the`} end of ${parts.join(' and ')} ${cutChosen + cutRejected === 1 ? 'answer is' : 'answers is'} gone: what is compared is not what was written.`;
}

function lengthBias({
  chosen,
  rejected,
  effect,
}: NonNullable<PreferenceLint['lengths']>): PreferenceAdvice | false {
  const size = Math.abs(effect);
  if (size < MINOR_EFFECT) return false;
  const major = size >= MAJOR_EFFECT;
  const longer = effect > 0 ? 'longer' : 'shorter';
  const tokens = (value: number): string => value.toFixed(value < 10 ? 1 : 0);
  const effectWords = Number.isFinite(effect) ? `, Cohen’s d ${effect.toFixed(2)}` : '';
  return {
    id: 'length-bias',
    title: `Chosen answers are ${major ? 'much' : 'somewhat'} ${longer} than rejected ones`,
    why: `${tokens(chosen)} tokens against ${tokens(rejected)} on average${effectWords}: ${
      major
        ? `the model may learn to write ${longer} answers and little else. Balance the lengths, or take IPO or SimPO, whose rewards are means over tokens.`
        : `part of what it learns will be to write ${longer} answers. Watch the length of its answers.`
    }`,
  };
}

function imbalanceOf(desirable: number, undesirable: number): PreferenceAdvice | false {
  const ratio = Math.max(desirable, undesirable) / Math.min(desirable, undesirable);
  if (ratio <= MAX_IMBALANCE) return false;
  const rarer = desirable < undesirable ? 'desirable' : 'undesirable';
  return {
    id: 'label-balance',
    title: `${desirable} answers are desirable and ${undesirable} are not`,
    why: `The rarer kind is drowned out: give ${rarer} answers the weight ${ratio.toFixed(1)} under Train (--${rarer}-weight).`,
  };
}
