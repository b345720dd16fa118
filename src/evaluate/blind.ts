/** Blind judging of two methods: which rows are shown in which order, and what a person's votes come to. */
import { percent, plural } from '../numbers.ts';
import { pInWords } from './chance.ts';
import { proportion, type Proportion } from '../proportion.ts';
import { Random } from '../random.ts';
import { mcnemar } from './paired.ts';
import type { BlindJudging, BlindTurn, Evaluation } from './record.ts';

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

export interface BlindResult {
  readonly first: number;
  readonly second: number;
  readonly ties: number;
  /** Rows with equal answers, which were not shown. */
  readonly same: number;
  /** Rows that were to be judged. */
  readonly of: number;
  /** Wins of the first subject among the rows with a winner, with Wilson's interval. */
  readonly share: Proportion;
  /** The p value of the exact sign test, if both are equally good. */
  readonly p: number;
}

/** Counts the votes of a blind judgement, ties apart, with an interval and a sign test. */
export function blindResult(record: Pick<Evaluation, 'evidence'>, judging: BlindJudging): BlindResult {
  const many = (vote: BlindTurn['vote']): number => judging.turns.filter((turn) => turn.vote === vote).length;
  const [first, second, ties] = [many('first'), many('second'), many('tie')];
  const { turns, same } = blindPlan(record, judging.subjects, judging.seed);
  return {
    ...{ first, second, ties, same, of: turns.length },
    share: proportion(first, first + second),
    p: mcnemar(first, second),
  };
}

/** The result in sentences. @param names of both subjects */
export function blindInWords(
  { first, second, ties, same, of, share, p }: BlindResult,
  [one, other]: readonly [string, string],
): string {
  const judged = first + second + ties;
  return [
    first + second === 0
      ? `${plural(judged, 'row was', 'rows were')} judged, and none has a winner.`
      : winsInWords({ first, second, share, p }, [one, other], 'row'),
    ...(ties > 0 ? [`${plural(ties, 'tie')}.`] : []),
    ...(judged < of ? [`${judged} of ${plural(of, 'row')} were judged.`] : []),
    ...(same > 0
      ? [`${plural(same, 'row')} with equal answers ${same === 1 ? 'was' : 'were'} not shown.`]
      : []),
  ].join(' ');
}

/** The wins of both as a sentence; one of them has some. @param noun what was compared: a row, a pair */
export function winsInWords(
  { first, second, share, p }: Pick<BlindResult, 'first' | 'second' | 'share' | 'p'>,
  [one, other]: readonly [string, string],
  noun: string,
): string {
  const [low, high] = share.interval;
  return `“${one}” wins ${first} and “${other}” ${second} of ${plural(first + second, noun)} with a winner: ${percent(share.fraction)} for “${one}”, 95% interval ${percent(low)} to ${percent(high)}, exact sign test ${pInWords(p)}.`;
}

/** Judgings whose names are revealed. */
export const revealed = ({ blind = [] }: Evaluation): readonly BlindJudging[] =>
  blind.filter(({ ended }) => ended);

/** For report.json. */
export function blindReport(record: Evaluation): object[] {
  return revealed(record).map((judging) => {
    const { first, second, ties, same, of, share, p } = blindResult(record, judging);
    return {
      subjects: judging.subjects.map((at) => record.subjects[at].label),
      ...{ seed: judging.seed, wins: [first, second], ties, same, judged: first + second + ties, of },
      ...(share.total > 0 && { win_rate: share.fraction, interval: share.interval }),
      sign_test_p: p,
    };
  });
}
