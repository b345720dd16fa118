/** Whether a measurement reaches the score that the task card set, in words. */
import { capital } from '../capital.ts';
import { percent, plural } from '../numbers.ts';
import { NAMED_SCORERS, isAnswerScorer, scorerNamed } from '../scorers/lists.ts';
import { EXACT_MATCH, shareOf } from '../scorers/parts/share.ts';
import { inPrint, type Scorer } from '../scorers/scorer.ts';
import type { Interval } from './bootstrap.ts';
import { metricsOf, scorerIn } from './columns.ts';
import { intervalsOf } from './intervals.ts';
import { gainedPairs } from './pairs-verdict.ts';
import { methodsOf } from './compared.ts';
import { REWARD } from './record.ts';
import { rewardScores } from './reward-scores.ts';
import { comparedOf, recordPassMark, type Side } from './sides.ts';
import {
  metricOfCard,
  PAIRS_IN_ORDER,
  readTarget,
  REWARD_PASSED,
  type TaskTarget,
  type TaskCard,
} from './task-card.ts';

/** The metrics that a card can name: scores that are better if they are higher. */
export const CARD_METRICS: readonly { readonly name: string; readonly label: string }[] = [
  ...NAMED_SCORERS.filter((scorer) => isAnswerScorer(scorer) && scorer.better === 'higher').map(
    ({ name, label }) => ({ name, label }),
  ),
  { name: PAIRS_IN_ORDER, label: 'Preference accuracy' },
  { name: REWARD_PASSED, label: 'Passed by the rewards' },
];

/** Scores in print end at 1, or at 100 as those of a corpus. */
const unitOf = (scorer: Scorer | undefined): number => (scorer ? inPrint(scorer, 1) : 1);

/** Something that was measured, with its name in a sentence. */
interface Named {
  readonly name: string;
  readonly side: Side;
  /** The base model on the same rows, for the order of pairs. */
  readonly base?: Side;
}

/** The score of one subject by the metric of the card. */
interface Reached {
  readonly name: string;
  readonly record: Side['record'];
  /** From 0 to 1. */
  readonly value: number;
  readonly interval: Interval | undefined;
  readonly words: string;
}

export interface SuccessSaid {
  readonly state: 'reached' | 'unsure' | 'missed';
  readonly sentence: string;
  /** For a drawing: all from 0 to 1. */
  readonly target: number;
  readonly value: number;
  readonly interval: Interval | undefined;
}

function reachedBy({ name, side, base }: Named, metric: string): Reached | undefined {
  const { record } = side;
  if (metric === PAIRS_IN_ORDER || metric === REWARD_PASSED) {
    const share = metric === PAIRS_IN_ORDER ? pairShare(side, base) : rewardShare(side);
    if (!share || share.total === 0) return undefined;
    const { count, total, interval } = share;
    const what =
      metric === PAIRS_IN_ORDER ? `${plural(total, 'pair')} in the right order` : `${total} passed`;
    return { name, record, value: count / total, interval, words: `gets ${count} of ${what}` };
  }
  const scorer = scorerIn(record, metric);
  if (!scorer || side.answers.length === 0) return undefined;
  const scores = metricsOf(side, [scorer]);
  const score = scores[scorer.name];
  if (!score || !Number.isFinite(score.value)) return undefined;
  if (score.share) {
    const { count, total, interval } = score.share;
    const drawn = intervalsOf(side, scores, [scorer])[scorer.name];
    return {
      ...{ name, record, value: count / total, words: `gets ${count} of ${total}` },
      interval: (drawn as Interval | undefined) ?? interval,
    };
  }
  return {
    ...{ name, record },
    value: score.value,
    interval: intervalsOf(side, scores, [scorer])[scorer.name],
    words: `gets ${scorer.heading} ${scorer.format(score.value)}`,
  };
}

function pairShare({ subject }: Side, base: Side | undefined) {
  const [tuned, before] = [subject.likelihoods, base?.subject.likelihoods];
  return tuned && before && subject.adapter
    ? shareOf(gainedPairs({ base: before, tuned }).map(Number)).share
    : undefined;
}

const rewardShare = ({ rewards, record }: Side) =>
  rewards && rewards.length > 0
    ? rewardScores(rewards, recordPassMark(record) ?? Infinity).passed
    : undefined;

/** The target as a number of the metric: “90%” of a score that ends at 100 is 90. */
const targetWords = ({ words }: TaskTarget, metric: string): string => {
  const name = CARD_METRICS.find((one) => one.name === metric)?.label ?? metric;
  return `${words} (${name.charAt(0).toLowerCase()}${name.slice(1)})`;
};

function best(of: readonly Named[], metric: string): Reached | undefined {
  return of
    .flatMap((one) => reachedBy(one, metric) ?? [])
    .reduce<Reached | undefined>(
      (first, one) => (first && first.value >= one.value ? first : one),
      undefined,
    );
}

/**
 * The answer to the card. The adapter answers it if one was measured, else the best method without tuning.
 *
 * @param target read from the card already, if it stands in other words of the person
 * @returns undefined if the card sets no score, or nothing measured has one
 */
export function successSaid(
  card: TaskCard,
  tuned: readonly Named[],
  untuned: readonly Named[],
  target = readTarget(card.target),
): SuccessSaid | undefined {
  if (!target) return undefined;
  const metric = metricOfCard(card);
  const cheap = best(untuned, metric);
  const first = best(tuned, metric) ?? cheap;
  if (!first) return undefined;
  const { share } = target;
  const scorer = scorerIn(first.record, metric);
  const unit = unitOf(scorer);
  const [low, high] = first.interval ?? [first.value, first.value];
  const isReached = first.value >= share;
  const isSure = isReached ? low >= share : high < share;
  const shown = scorer?.format ?? percent;
  const ends = first.interval ? `, 95% interval ${first.interval.map(shown).join(' to ')}` : '';
  const scale = unit === 1 ? '' : `, ${share * unit} of ${unit}`;
  const said = isReached
    ? isSure
      ? 'reached.'
      : 'reached, but the interval starts below it, so more rows may show less.'
    : isSure
      ? 'not reached.'
      : 'not reached, though so few rows do not rule it out.';
  const other =
    cheap && first !== cheap && cheap.value >= share
      ? ` ${capital(cheap.name)} reaches it without training: it ${cheap.words}.`
      : '';
  return {
    state: !isSure ? 'unsure' : isReached ? 'reached' : 'missed',
    sentence: `Success was set at ${targetWords(target, metric)}${scale}: ${first.name} ${first.words}${ends}: ${said}${other}`,
    target: share,
    ...{ value: first.value, interval: first.interval },
  };
}

/** The same of a record, whose card it has. @param few the base model with examples, if another record has it */
export function successOfRecord(
  record: Side['record'],
  {
    card = record.made.task,
    few,
    target,
  }: {
    readonly card?: TaskCard | undefined;
    readonly few?: Side | undefined;
    readonly target?: TaskTarget | undefined;
  } = {},
): SuccessSaid | undefined {
  if (!card) return undefined;
  const compared = comparedOf(record).filter(({ tuned }) => !tuned.subject.stopped);
  return successSaid(
    card,
    compared.map(({ base, tuned }) => ({
      name: compared.length > 1 ? `“${tuned.subject.label}”` : 'the adapter',
      side: tuned,
      base,
    })),
    methodsOf(record, few).map(({ noun, side }) => ({ name: noun, side })),
    target ?? readTarget(card.target),
  );
}

/** The scorers that have to be measured for the metric of a card, in addition to the usual ones: names for a sample. */
export function scorersOfCard(metric: string): readonly string[] {
  const scorer = scorerNamed(metric);
  return scorer && !scorer.usual && scorer.name !== EXACT_MATCH && scorer.name !== REWARD
    ? [scorer.name]
    : [];
}
