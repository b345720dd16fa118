/** Whether the base model with examples can stand beside other methods: it must have been measured on the same rows. */
import type { ByExamples } from '../../evaluate/with-examples.ts';
import { isSameRewards } from '../../rewards/specs.ts';
import type { Evaluation, FewShotReport, Sample, Share } from '../../worker/api.ts';
import { comparable, isSameAdapter } from '../state/origin.ts';
import { count, plural } from '../ui/format.ts';

/**
 * The report, if it can stand in one table with `base`; without its loss where the loss is of other rows, and without rewards where they are those of
 * another adapter's run.
 */
export function onSameRows(base: Evaluation, few: FewShotReport | undefined): FewShotReport | undefined {
  if (!few || whyNoExamples(base, few) !== undefined) return undefined;
  const { loss, rewards, tuned, ...answers } = few;
  const chosen = base.rewards?.chosen;
  const isScoredAlike =
    isSameRewards(chosen, few.chosen) && (chosen !== undefined || tunedBehind(base, few) !== undefined);
  return {
    ...answers,
    ...(loss && loss.rows === base.base?.rows && { loss }),
    ...(rewards && isScoredAlike && { rewards }),
    ...(tuned && { tuned: isScoredAlike ? tuned : withoutRewards(tuned) }),
  };
}

function withoutRewards({
  rewards: _,
  ...tuned
}: NonNullable<FewShotReport['tuned']>): FewShotReport['tuned'] {
  return tuned;
}

/** The answers of an evaluation's adapter with examples; undefined if it was not asked. @param few on the same rows */
export function tunedBehind(
  { origin: { adapter } }: Evaluation,
  few: FewShotReport | undefined,
): FewShotReport['tuned'] {
  return few?.tuned && isSameAdapter(few.tuned.adapter, adapter) ? few.tuned : undefined;
}

/** The effect of examples on an adapter that learned from rewards, beside their effect on the base model. @param few on the same rows */
export function byExamples(result: Evaluation, few: FewShotReport | undefined): ByExamples | undefined {
  const tuned = tunedBehind(result, few);
  if (!few || !tuned || result.rows.length === 0) return undefined;
  const { rewards, exact } = result;
  const shots = few.shots.length;
  if (rewards && few.rewards && tuned.rewards)
    return {
      of: 'reward',
      alone: { base: meanOf(rewards.base), tuned: meanOf(rewards.tuned) },
      shots,
      behind: { base: meanOf(few.rewards), tuned: meanOf(tuned.rewards) },
    };
  const shareOf = ({ count: right, total }: Share): number => right / total;
  return {
    of: 'right',
    alone: { base: shareOf(exact.base), tuned: shareOf(exact.tuned) },
    shots,
    behind: { base: shareOf(few.exact), tuned: shareOf(tuned.exact) },
  };
}

export const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** The rows, model and chosen rewards of `base`: examples are measured by the same. */
export const sampleOf = ({ rows, base, draw, rewards }: Evaluation): Sample => ({
  rows: rows.length,
  ...(rewards?.chosen && { rewards: rewards.chosen }),
  lossOf: base?.rows !== undefined && base.rows === draw?.test ? 'all' : 'asked',
});

/** Why the base model with examples is not among the methods; undefined if it is. */
export function whyNoExamples(base: Evaluation, few: FewShotReport | undefined): string | undefined {
  if (!few) return 'The base model with examples in its prompt was not measured.';
  const name = `The base model with ${plural(few.shots.length, 'example')} in its prompt`;
  if (!comparable(few.origin, base.origin))
    return `${name} is not in the table: it was measured with another model, or on other data.`;
  if (few.rows.length !== base.rows.length)
    return `${name} is not in the table: it was measured on ${plural(few.rows.length, 'row')}, the others on ${count(base.rows.length)}.`;
  const same = base.rows.every(
    ({ prompt, expected }, at) => few.rows[at].prompt === prompt && few.rows[at].expected === expected,
  );
  return same ? undefined : `${name} is not in the table: it was measured on other rows of the test part.`;
}

/** Whether a row has an answer; prompts alone have none to put before a question. */
export const asksForAnswers = ({ rows }: Pick<Evaluation, 'rows'>): boolean =>
  rows.some(({ expected }) => expected !== '');

/** Why an adapter that learned from rewards is not among the methods with examples; undefined if it is, and for other adapters. */
export function whyNotBehind(result: Evaluation, few: FewShotReport | undefined): string | undefined {
  return result.rewards && !result.rewards.chosen && asksForAnswers(result) && !tunedBehind(result, few)
    ? 'The adapter learned from rewards, which can break what examples in the prompt do. It was not asked with any.'
    : undefined;
}
