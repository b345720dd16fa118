/** Blind judging of two methods: which rows are shown in which order, and what a person's votes come to. */
import { percent, plural } from '../numbers.ts';
import { pInWords } from './chance.ts';
import { proportion, type Proportion } from '../proportion.ts';
import { Random } from '../random.ts';
import { clustersOf } from './clusters.ts';
import { meanStatistic, rowIntervals } from './intervals.ts';
import { mcnemar } from './paired.ts';
import { signFlipTest } from './sign-flip.ts';
import type { BlindJudging, BlindTurn, Evaluation, Item } from './record.ts';

export interface BlindPlan {
  /** In the order in which they are shown. */
  readonly turns: readonly Omit<BlindTurn, 'vote'>[];
  /** Rows with equal answers: nobody has to judge them. */
  readonly same: number;
}

/**
 * Rows that both subjects answered differently, in random order. Each subject stands on the left as often as on the right, one row more or less.
 *
 * @param subjects places in the record
 */
export function blindPlan(
  { evidence }: Pick<Evaluation, 'evidence'>,
  subjects: BlindJudging['subjects'],
  seed: number,
): BlindPlan {
  const { items, same } = differingRows({ evidence }, subjects);
  const random = new Random(seed);
  random.shuffle(items);
  const swapped = items.map((_, at) => at < Math.floor(items.length / 2));
  random.shuffle(swapped);
  return {
    turns: items.map((item, at) => ({ item, swapped: swapped[at] })),
    same,
  };
}

/**
 * Items that both subjects answered differently, in the order of the record, and how many have equal answers.
 *
 * @param subjects places in the record
 */
export function differingRows(
  { evidence }: Pick<Evaluation, 'evidence'>,
  subjects: BlindJudging['subjects'],
): { readonly items: number[]; readonly same: number } {
  const rows = evidence.flatMap((row, item) => {
    const [first, second] = subjects.map((at) => row[at]?.text.trim());
    return first === undefined || second === undefined ? [] : [{ item, same: first === second }];
  });
  const items = rows.filter(({ same }) => !same).map(({ item }) => item);
  return { items, same: rows.length - items.length };
}

/** Votes on two subjects. */
export interface Wins {
  readonly first: number;
  readonly second: number;
  readonly ties: number;
  /** Wins of the first subject among the rows with a winner, with Wilson's interval; where rows share groups, by bootstrap over groups. */
  readonly share: Proportion;
  /** The p value of the exact sign test, if both are equally good; where rows share groups, of the exact sign-flip test over groups. */
  readonly p: number;
  /** How many groups there are among the judged rows; missing where rows count one by one. */
  readonly groups?: number;
}

const SEED = 1;

/** @param items of the judged rows, in the order of the votes; some may share a group */
export function winsOfVotes(
  votes: readonly BlindTurn['vote'][],
  items: readonly Pick<Item, 'group'>[],
): Wins {
  const many = (vote: BlindTurn['vote']): number => votes.filter((one) => one === vote).length;
  const [first, second, ties] = [many('first'), many('second'), many('tie')];
  const clusters = clustersOf({ items: items as readonly Item[] }, votes.length);
  const share = proportion(first, first + second);
  if (!clusters) return { first, second, ties, share, p: mcnemar(first, second) };
  const signs = votes.map((vote) => (vote === 'first' ? 1 : vote === 'second' ? -1 : 0));
  const won = signs.map((sign) => (sign === 0 ? null : Number(sign > 0)));
  const [interval] = rowIntervals(votes.length, SEED, [meanStatistic(won, [0, 1])], { clusters });
  return {
    ...{ first, second, ties, p: signFlipTest(signs, clusters), groups: clusters.length },
    // A single group shows nothing of how groups differ.
    share: { ...share, interval: clusters.length > 1 && interval ? interval : [0, 1] },
  };
}

export interface BlindResult extends Wins {
  /** Rows with equal answers, which were not shown. */
  readonly same: number;
  /** Rows that were to be judged. */
  readonly of: number;
}

/** Counts the votes of a blind judgement, ties apart, with an interval and a test. */
export function blindResult(
  record: Pick<Evaluation, 'evidence' | 'items'>,
  judging: BlindJudging,
): BlindResult {
  const { turns, same } = blindPlan(record, judging.subjects, judging.seed);
  const wins = winsOfVotes(
    judging.turns.map(({ vote }) => vote),
    judging.turns.map(({ item }) => record.items[item]),
  );
  return { ...wins, same, of: turns.length };
}

/** The result in sentences. @param names of both subjects */
export function blindInWords(
  { ties, same, of, ...wins }: BlindResult,
  [one, other]: readonly [string, string],
): string {
  const { first, second } = wins;
  const judged = first + second + ties;
  return [
    first + second === 0
      ? `${plural(judged, 'row was', 'rows were')} judged, and none has a winner.`
      : winsInWords(wins, [one, other], 'row'),
    ...(ties > 0 ? [`${plural(ties, 'tie')}.`] : []),
    ...(judged < of ? [`${judged} of ${plural(of, 'row')} were judged.`] : []),
    ...(same > 0
      ? [`${plural(same, 'row')} with equal answers ${same === 1 ? 'was' : 'were'} not shown.`]
      : []),
  ].join(' ');
}

/** The wins of both as a sentence; one of them has some. @param noun what was compared: a row, a pair */
export function winsInWords(
  { first, second, share, p, groups }: Omit<Wins, 'ties'>,
  [one, other]: readonly [string, string],
  noun: string,
): string {
  const [low, high] = share.interval;
  const test =
    groups === undefined ? 'exact sign test' : `exact sign-flip test over ${plural(groups, 'group')}`;
  return `“${one}” wins ${first} and “${other}” ${second} of ${plural(first + second, noun)} with a winner: ${percent(share.fraction)} for “${one}”, 95% interval ${percent(low)} to ${percent(high)}, ${test} ${pInWords(p)}.`;
}

/** Judgings whose names are revealed. */
export const revealed = ({ blind = [] }: Evaluation): readonly BlindJudging[] =>
  blind.filter(({ ended }) => ended);

/** For report.json. */
export function blindReport(record: Evaluation): object[] {
  return revealed(record).map((judging) => {
    const { first, second, ties, same, of, share, p, groups } = blindResult(record, judging);
    return {
      subjects: judging.subjects.map((at) => record.subjects[at].label),
      ...{ seed: judging.seed, wins: [first, second], ties, same, judged: first + second + ties, of },
      ...(share.total > 0 && { win_rate: share.fraction, interval: share.interval }),
      sign_test_p: p,
      ...(groups !== undefined && { groups }),
    };
  });
}
