/** What a model's verdicts on two subjects come to, whether the order of the answers made them, and how far a person agrees. */
import { fixed, percent, plural } from '../numbers.ts';
import { proportion, type Proportion } from '../proportion.ts';
import { agreementOf, type Agreement } from './agreement.ts';
import { differingRows, revealed, winsInWords, winsOfVotes, type Wins } from './blind.ts';
import type { BlindTurn, Evaluation, Item, ModelJudging, ModelTurn } from './record.ts';

/** Wins of both, if the winner is the same in both orders. */
export interface JudgedWins extends Wins {
  /** Pairs whose winner changed with the order, among all that were judged. Equal likelihoods, which name no winner, count among them. */
  readonly changed: Proportion;
  /** Among these, how often the judge chose what stood as A both times, and how often what stood as B. */
  readonly alwaysA: number;
  readonly alwaysB: number;
}

export interface JudgedResult extends JudgedWins {
  /** Pairs that were to be judged, and those with equal answers, which were not. */
  readonly of: number;
  readonly same: number;
  readonly tooLong: number;
  /** With the person who judged the same subjects blind; undefined if nobody judged one of these pairs. */
  readonly agreement: Agreement | undefined;
}

/** The verdict on a pair: a tie unless the same answer is better in both orders. */
export const verdictOf = ({ leans: [one, other] }: Pick<ModelTurn, 'leans'>): BlindTurn['vote'] =>
  one > 0 && other < 0 ? 'first' : one < 0 && other > 0 ? 'second' : 'tie';

/** The verdicts counted, and how often the order made them. @param items of the turns, where some may share a group */
export function winsOf(
  turns: readonly Pick<ModelTurn, 'leans'>[],
  items: readonly Pick<Item, 'group'>[] = turns.map(() => ({})),
): JudgedWins {
  const wins = winsOfVotes(turns.map(verdictOf), items);
  return {
    ...wins,
    changed: proportion(wins.ties, turns.length),
    alwaysA: turns.filter(({ leans: [one, other] }) => one > 0 && other > 0).length,
    alwaysB: turns.filter(({ leans: [one, other] }) => one < 0 && other < 0).length,
  };
}

/** The result of a judging, with the agreement of a person who judged the same subjects. @param judging of this record */
export function judgedResult(record: Evaluation, judging: ModelJudging): JudgedResult {
  const { items, same } = differingRows(record, judging.subjects);
  const { turns, tooLong } = judging;
  const votes = votesOf(record, judging.subjects);
  const both = turns.flatMap((turn): [BlindTurn['vote'], BlindTurn['vote']][] => {
    const vote = votes.get(turn.item);
    return vote ? [[verdictOf(turn), vote]] : [];
  });
  return {
    ...winsOf(
      turns,
      turns.map(({ item }) => record.items[item]),
    ),
    ...{ of: items.length, same, tooLong: tooLong.length },
    agreement: both.length > 0 ? agreementOf(both) : undefined,
  };
}

/** A person's finished votes on two subjects, by item. */
function votesOf(
  record: Evaluation,
  [one, other]: ModelJudging['subjects'],
): ReadonlyMap<number, BlindTurn['vote']> {
  const judging = revealed(record).find(({ subjects }) => subjects.includes(one) && subjects.includes(other));
  const isTurned = judging?.subjects[0] === other;
  return new Map(
    judging?.turns.map(({ item, vote }) => [
      item,
      vote === 'tie' || !isTurned ? vote : vote === 'first' ? 'second' : 'first',
    ]),
  );
}

/** A result in words. */
export interface JudgedWords {
  /** What to read first: who wins, or that this judge does not say. */
  readonly headline: string;
  /** Whether the headline names the wins: only those of a judge that agrees with a person beyond chance. */
  readonly isTrusted: boolean;
  /** The evidence, a sentence each. */
  readonly evidence: readonly string[];
}

/** @param judge its name @param names of both subjects */
export function judgedInWords(
  result: JudgedWins & Partial<Pick<JudgedResult, 'of' | 'same' | 'tooLong' | 'agreement'>>,
  judge: string,
  names: readonly [string, string],
): JudgedWords {
  const { first, second, ties, changed, alwaysA, alwaysB, agreement } = result;
  const { of = changed.total, same = 0, tooLong = 0 } = result;
  const isTrusted = (agreement?.beatsChance ?? false) && first + second > 0;
  const wins =
    first + second === 0
      ? `${plural(changed.total, 'pair was', 'pairs were')} judged, and none has the same winner in both orders.`
      : winsInWords(result, names, 'pair');
  return {
    isTrusted,
    headline: isTrusted
      ? `“${judge}” as a judge: ${wins}`
      : agreement
        ? first + second === 0
          ? `“${judge}” as a judge found no winner.`
          : `“${judge}” may be no better than chance as a judge here.`
        : `It is not known whether “${judge}” is better than chance as a judge.`,
    evidence: [
      agreement
        ? agreementInWords(agreement)
        : 'No person has judged these pairs. Judge some of them blind, and the agreement is shown here.',
      ...(isTrusted || (agreement && first + second === 0) ? [] : [`For what it is worth: ${wins}`]),
      ...(ties > 0
        ? [
            `On ${ties} of ${plural(changed.total, 'pair')} the order of the answers changed the verdict (${percent(changed.fraction)}, 95% interval ${percent(changed.interval[0])} to ${percent(changed.interval[1])}): answer A won in both orders ${plural(alwaysA, 'time')}, answer B ${plural(alwaysB, 'time')}. These pairs count as ties.`,
          ]
        : changed.total > 0
          ? [`The order of the answers changed none of the ${plural(changed.total, 'verdict')}.`]
          : []),
      ...(changed.total + tooLong < of ? [`${changed.total} of ${plural(of, 'pair')} were judged.`] : []),
      ...(tooLong > 0
        ? [
            `${plural(tooLong, 'pair does', 'pairs do')} not fit into the judge’s window and ${tooLong === 1 ? 'was' : 'were'} left out.`,
          ]
        : []),
      ...(same > 0
        ? [`${plural(same, 'row')} with equal answers ${same === 1 ? 'was' : 'were'} not judged.`]
        : []),
    ],
  };
}

const twoDigits = (value: number): string => fixed(value, 2);

function agreementInWords({ agree, kappa, interval, beatsChance }: Agreement): string {
  const { count, total, fraction, interval: ends } = agree;
  const share = `The judge and a person both judged ${plural(total, 'pair')} and agree on ${count} (${percent(fraction)}, 95% interval ${percent(ends[0])} to ${percent(ends[1])})`;
  if (kappa === undefined || !interval)
    return `${share}. Each gave one verdict only, so the agreement cannot be compared with chance.`;
  const said = `${share}, Cohen’s kappa ${twoDigits(kappa)}, 95% interval ${twoDigits(interval[0])} to ${twoDigits(interval[1])}.`;
  return beatsChance ? said : `${said} The interval contains 0, which is agreement by chance.`;
}

/** Names of the subjects of a judging. */
export const judgedNames = (
  { subjects }: Pick<Evaluation, 'subjects'>,
  { subjects: [one, other] }: Pick<ModelJudging, 'subjects'>,
): [string, string] => [subjects[one].label, subjects[other].label];

/** The numbers of wins and orders for JSON. */
export const winNumbers = ({
  first,
  second,
  ties,
  share,
  p,
  changed,
  alwaysA,
  alwaysB,
  groups,
}: JudgedWins): object => ({
  ...{ judged: changed.total, wins: [first, second], ties },
  ...(share.total > 0 && { win_rate: share.fraction, interval: share.interval }),
  sign_test_p: p,
  ...(groups !== undefined && { groups }),
  order_changed: {
    ...{ pairs: changed.count, share: changed.total > 0 ? changed.fraction : null },
    ...{ interval: changed.interval, always_a: alwaysA, always_b: alwaysB },
  },
});

/** For report.json. */
export function judgedReport(record: Evaluation): object[] {
  return (record.judged ?? []).map((judging) => {
    const result = judgedResult(record, judging);
    const { of, same, tooLong, agreement } = result;
    return {
      ...{ subjects: judgedNames(record, judging), judge: judging.model.name, prompt: judging.prompt },
      ...winNumbers(result),
      ...{ same, of, too_long: tooLong },
      agreement: agreement && {
        ...{ pairs: agreement.agree.total, agree: agreement.agree.count },
        ...{ share: agreement.agree.fraction, share_interval: agreement.agree.interval },
        ...{ kappa: agreement.kappa ?? null, kappa_interval: agreement.interval ?? null },
        better_than_chance: agreement.beatsChance,
      },
    };
  });
}
