/** Everything that was tuned for a project in one table: how each scores and what it forgot, on the same rows, and which differences may be chance. */
import { mean } from '../averages.ts';
import { plural } from '../numbers.ts';
import { metricsOf, scoresIn } from './columns.ts';
import { type Side } from './sides.ts';
import { NOTICEABLE as NOTICEABLE_LOSS } from './forgetting.ts';
import { exactMatch } from '../scorers/exact-match.ts';
import type { Scorer } from '../scorers/scorer.ts';
import { perplexity } from '../scorers/perplexity.ts';
import { objectiveOf } from '../objectives/registry.ts';
import { compareScores, type Leads, type RowScores } from './paired.ts';
import { learnsPreference, preferredPairs, type PairLikelihoods } from './pair-order.ts';
import type { Evaluation } from './record.ts';
import { LEVEL } from './chance.ts';
import { isFreeText, NOTICEABLE_SHARE } from './verdict.ts';

/** A line of the table: the base model, or something tuned. All answers and losses of a table are of the same rows, in the same order. */
export interface TunedCandidate {
  readonly side: Side;
  /** The weighted sums of the rewards, row by row, if answers are scored by them. */
  readonly rewards?: readonly number[];
  /** Row by row, whether the chosen answer of a pair is preferred, if the rows are pairs; missing for what they are compared with. */
  readonly pairs?: readonly boolean[];
}

/**
 * The standing of a value in its column: certainly the best (`best`), at the top while others may be as good (`first`), behind by a difference that
 * may be chance or is too small to count (`even`), or behind.
 */
export type TunedStanding = 'best' | 'first' | 'even' | 'behind';

/** The default metric: exact answers, or perplexity if answers are free text or none is asked for. */
export function usualMetric({ items: rows, made, subjects }: Evaluation, sides: readonly Side[]): Scorer {
  const right = sides.map(({ exact }) => exact.count);
  const asked = { ...(made.draw && { draw: made.draw }), rows, subjects };
  return rows.length === 0 || isFreeText(asked, Math.max(0, ...right)) ? perplexity : exactMatch;
}

interface Column<Item> {
  /** The one with the highest value; undefined with fewer than two values, since nothing is compared. */
  readonly best: Item | undefined;
  readonly standings: readonly (TunedStanding | undefined)[];
}

/**
 * @param value the higher, the better; undefined if it was not measured
 * @param isEven whether an item may be as good as the one with the highest value
 */
function column<Item>(
  items: readonly Item[],
  value: (item: Item) => number | undefined,
  isEven: (item: Item, best: Item) => boolean,
): Column<Item> {
  const known = items.filter((item) => value(item) !== undefined);
  if (known.length < 2) return { best: undefined, standings: items.map(() => undefined) };
  const best = known.reduce((top, item) => (value(item)! > value(top)! ? item : top));
  const others = known.filter((item) => item !== best);
  const isAlone = !others.some((item) => isEven(item, best));
  const isTied = others.some((item) => value(item) === value(best));
  const standingOf = (item: Item): TunedStanding | undefined => {
    if (value(item) === undefined) return undefined;
    if (item === best) return isAlone ? 'best' : isTied ? 'even' : 'first';
    return isEven(item, best) ? 'even' : 'behind';
  };
  return { best, standings: items.map(standingOf) };
}

export interface ScoreStanding {
  readonly standing: TunedStanding | undefined;
  /** Rows on which this one scores higher, and rows on which the best one does; missing for the best one, and if no rows are compared. */
  readonly against?: Leads;
}

/**
 * The standings of scores. Answers are compared row by row, on the rows for which both have a score, by the paired test of the verdict. There is no test for a loss, so a perplexity or a
 * token accuracy within 3% of the best counts as even.
 *
 * @param candidates undefined for one that was not measured on these rows
 */
export function scoreStandings(
  metric: Scorer,
  candidates: readonly (TunedCandidate | undefined)[],
): ScoreStanding[] {
  if (metric.of === 'likelihood' && metric.better === 'lower')
    return column(
      candidates.map((one) => one?.side.subject.loss),
      (one) => one && -one.loss,
      (one, best) => one!.loss - best!.loss < Math.log(1 + NOTICEABLE_SHARE),
    ).standings.map((standing) => ({ standing }));
  if (metric.of === 'likelihood')
    return column(
      candidates.map((one) => one?.side.subject.loss && metric.aggregate(one.side.subject.loss)),
      (one) => one?.value,
      (one, best) => one!.value > best!.value / (1 + NOTICEABLE_SHARE),
    ).standings.map((standing) => ({ standing }));
  const sign = metric.better === 'lower' ? -1 : 1;
  return standingsOf(
    candidates.map((one) => {
      const scores = one && scoresIn(one.side, metric.name);
      const value = one && metricsOf(one.side, [metric])[metric.name]?.value;
      return scores && value !== undefined
        ? { scores: scores.map((score) => (score === null ? null : sign * score)), value: sign * value }
        : undefined;
    }),
  );
}

/** How mean rewards stand, by the same paired test. */
export function rewardStandings(candidates: readonly (TunedCandidate | undefined)[]): ScoreStanding[] {
  return standingsOf(
    candidates.map((one) =>
      one?.rewards && one.rewards.length > 0 ? { scores: one.rewards, value: mean(one.rewards) } : undefined,
    ),
  );
}

/** How many pairs are in order, by the same paired test. */
export function pairStandings(candidates: readonly (TunedCandidate | undefined)[]): ScoreStanding[] {
  return standingsOf(
    candidates.map((one) => {
      const scores = one?.pairs?.map(Number) ?? [];
      return scores.length > 0 ? { scores, value: mean(scores) } : undefined;
    }),
  );
}

/**
 * Whether pairs are compared by log-ratios to the base model, as the first run here that learned from pairs with a reference does, or by means over
 * tokens. All models of a table are compared alike.
 *
 * @param objectives of the runs
 * @throws Error as `objectiveOf`
 */
export function comparesWithBase(objectives: readonly (string | undefined)[]): boolean {
  const learned = objectives.filter((objective) => learnsPreference(objective));
  return learned.length === 0 || learned.some((objective) => objectiveOf(objective).reference);
}

/** The preferred answers of the base model and of others on the same pairs. @param likelihoods those of the base first; undefined if not measured */
export function pairsOfTable(
  likelihoods: readonly (readonly PairLikelihoods[] | undefined)[],
  isAgainstBase: boolean,
): readonly (readonly boolean[] | undefined)[] {
  const [base] = likelihoods;
  return likelihoods.map((own, at) =>
    own === undefined || (isAgainstBase && (at === 0 || !base))
      ? undefined
      : preferredPairs(own, isAgainstBase ? base : undefined),
  );
}

/** How pairs were compared, as a sentence. */
export const pairsInWords = (isAgainstBase: boolean): string =>
  isAgainstBase
    ? 'Preference accuracy: the number of pairs whose chosen answer gained more log-probability over the base model than the rejected one. The base model itself has none.'
    : 'Preference accuracy: the number of pairs whose chosen answer has the higher mean log-probability over its tokens.';

/** How many answers have a score; undefined for a metric that scores none. */
export const countScored = (side: Side, { name }: Scorer): number | undefined =>
  scoresIn(side, name)?.filter((score) => score !== null).length;

/** What a table says below if some answers have no score. */
export const PART_SCORED =
  'An answer without a score counts for nothing: two are compared on the rows for which both have one.';

/** The rows that a value stands for if some answers have no score: “on 5 of 6 rows”; else ''. */
export function scoredRowsInWords({ side }: Pick<TunedCandidate, 'side'>, metric: Scorer): string {
  const scored = countScored(side, metric) ?? 0;
  return scored === 0 ? '' : partInWords(scored, side.answers.length);
}

/** The rows that a comparison stands for, likewise. */
export const comparedRowsInWords = ({ compared, rows }: Leads): string => partInWords(compared, rows);

const partInWords = (part: number, rows: number): string =>
  part === rows ? '' : `on ${part} of ${plural(rows, 'row')}`;

/** @param items scores row by row, and what stands for all of them; undefined if there are none */
function standingsOf(
  items: readonly ({ readonly scores: RowScores; readonly value: number } | undefined)[],
): ScoreStanding[] {
  const leadsOf = (one: (typeof items)[number], best: (typeof items)[number]): Leads =>
    compareScores(one!.scores, best!.scores);
  const { best, standings } = column(
    items,
    (one) => one?.value,
    (one, top) => {
      const { first, second, p } = leadsOf(one, top);
      // A lower mean with more rows ahead is not shown to be worse.
      return p >= LEVEL || first > second;
    },
  );
  return standings.map((standing, at) => ({
    standing,
    ...(standing && items[at] !== best && { against: leadsOf(items[at], best) }),
  }));
}

/** The loss on general text after tuning; for the base, its own. */
export function generalLossOf({ side: { subject } }: TunedCandidate): number | undefined {
  const { forgetting } = subject;
  return forgetting && (forgetting.after ?? forgetting.before);
}

/** The standings of losses on general text. Within 0.02 nats they count as even. */
export function generalStandings(
  candidates: readonly (TunedCandidate | undefined)[],
): readonly (TunedStanding | undefined)[] {
  return column(
    candidates.map((one) => {
      const loss = one && generalLossOf(one);
      return loss === undefined ? undefined : { loss };
    }),
    (one) => one && -one.loss,
    (one, best) => one!.loss - best!.loss < NOTICEABLE_LOSS,
  ).standings;
}

/**
 * The standings of numbers whose least is the best, such as bytes and seconds.
 *
 * @param tolerance a number within this share of the least counts as even
 */
export function leastStandings(
  values: readonly (number | undefined)[],
  tolerance: number,
): readonly (TunedStanding | undefined)[] {
  return column(
    values.map((value) => (value === undefined ? undefined : { value })),
    (one) => one && -one.value,
    (one, best) => one!.value <= best!.value * (1 + tolerance),
  ).standings;
}

/** Which general prompts are answered correctly, in order; for the base, before anything was tuned. */
function rightPrompts({ side: { subject } }: TunedCandidate): readonly boolean[] | undefined {
  return subject.forgetting?.prompts?.map(({ rightBefore, rightAfter }) => rightAfter ?? rightBefore);
}

/** How many general prompts are answered correctly, of how many. */
export function promptsOf(
  one: TunedCandidate,
): { readonly right: number; readonly asked: number } | undefined {
  const right = rightPrompts(one);
  return right && { right: right.filter(Boolean).length, asked: right.length };
}

/** The standings of answers to general prompts, by the same paired test. @throws RangeError as `compareScores` */
export function promptStandings(
  candidates: readonly (TunedCandidate | undefined)[],
): readonly (TunedStanding | undefined)[] {
  return column(
    candidates.map((one) => one && rightPrompts(one)?.map(Number)),
    (scores) => scores?.reduce((sum, score) => sum + score, 0),
    (scores, best) => compareScores(scores!, best!).p >= LEVEL,
  ).standings;
}
