/** Whether the base model with examples can stand next to other methods: it must have been measured on the same rows. */
import { mean } from '../../averages.ts';
import { chosenIn } from '../../evaluate/columns.ts';
import { baseOf, sidesOf, type Side } from '../../evaluate/sides.ts';
import { isSameItems } from '../../evaluate/record.ts';
import type { ByExamples } from '../../evaluate/with-examples.ts';
import { isSameRewards } from '../../scorers/rewards/specs.ts';
import type { Evaluation, Sample } from '../../worker/api.ts';
import { comparable, isChosenAlike, isSameAdapter } from '../evaluate/origin.ts';
import { count, plural } from '../../numbers.ts';

const EXAMPLES = 'few-shot';
const BEHIND = 'adapter-few-shot';
const ADAPTER = 'adapter';

/** The base model with examples in its prompt, in the record of that measurement. */
export const fewOf = (report: Evaluation | undefined): Side | undefined =>
  report && sidesOf(report, EXAMPLES).at(0);

/**
 * The same, if it can stand in one table with `base`; without its loss if the loss is of other rows, and without rewards if they are those of
 * another adapter's run.
 */
export function onSameRows(base: Evaluation, report: Evaluation | undefined): Side | undefined {
  const few = fewOf(report);
  if (!few || whyNoExamples(base, report) !== undefined) return undefined;
  const rows = baseOf(base)?.subject.loss?.rows;
  const { loss, ...subject } = few.subject;
  const side = { ...few, subject: { ...subject, ...(loss && loss.rows === rows && { loss }) } };
  return isScoredAlike(base, few) ? side : withoutRewards(side);
}

/** The base model with examples that stands in a table: of the same record, or of another measurement of the same rows. */
export const fewFor = (base: Evaluation, report: Evaluation | undefined): Side | undefined =>
  fewOf(base) ?? onSameRows(base, report);

/** Whether the rewards of examples are those of the table: chosen for both, or of the same adapter's run. */
function isScoredAlike(base: Evaluation, few: Side): boolean {
  if (few.record === base) return true;
  const chosen = base.made.rewards;
  const isBehind = sidesOf(base, ADAPTER).some((tuned) => behindOf(tuned, few) !== undefined);
  return isSameRewards(chosen, few.record.made.rewards) && (chosen !== undefined || isBehind);
}

function withoutRewards({ rewards: _, ...side }: Side): Side {
  return side;
}

/** The adapter with examples, in the record of the base model with examples. */
const behindOf = (tuned: Side, few: Side): Side | undefined =>
  sidesOf(few.record, BEHIND).find(({ subject }) => isSameAdapter(subject.adapter, tuned.subject.adapter));

/** The answers of an evaluation's adapter with examples; undefined if it was not asked. @param few on the same rows */
export function tunedBehind(tuned: Side, few: Side | undefined): Side | undefined {
  const behind = few && behindOf(tuned, few);
  return behind && (isScoredAlike(tuned.record, few) ? behind : withoutRewards(behind));
}

/** The effect of examples on an adapter that learned from rewards, next to their effect on the base model. @param few on the same rows */
export function byExamples(result: Evaluation, few: Side | undefined): ByExamples | undefined {
  const [alone, tuned] = [baseOf(result), sidesOf(result, ADAPTER).at(0)];
  const behind = tuned && tunedBehind(tuned, few);
  if (!few || !alone || !tuned || !behind || result.items.length === 0) return undefined;
  const shots = few.subject.detail?.shots?.length ?? 0;
  if (alone.rewards && tuned.rewards && few.rewards && behind.rewards)
    return {
      of: 'reward',
      alone: { base: mean(alone.rewards), tuned: mean(tuned.rewards) },
      shots,
      behind: { base: mean(few.rewards), tuned: mean(behind.rewards) },
    };
  const shareOf = ({ exact }: Side): number => exact.count / exact.total;
  return {
    of: 'right',
    alone: { base: shareOf(alone), tuned: shareOf(tuned) },
    shots,
    behind: { base: shareOf(few), tuned: shareOf(behind) },
  };
}

/** The rows, model, chosen metrics and rewards of `base`: examples are measured by the same. */
export function sampleOf(base: Evaluation): Sample {
  const { items, made } = base;
  const rows = baseOf(base)?.subject.loss?.rows;
  const scorers = chosenIn(base);
  const { from, column } = made.choices ?? {};
  return {
    rows: items.length,
    ...(from && { choices: { from, ...(column !== undefined && { column }) } }),
    ...(made.rewards && { rewards: made.rewards }),
    ...(scorers.length > 0 && { scorers }),
    lossOf: rows !== undefined && rows === made.draw?.test ? 'all' : 'asked',
  };
}

/** Why the base model with examples is not among the methods; undefined if it is. */
export function whyNoExamples(base: Evaluation, report: Evaluation | undefined): string | undefined {
  if (fewOf(base)) return undefined;
  const few = fewOf(report);
  if (!few) return 'The base model with examples in its prompt was not measured.';
  const { items, made } = few.record;
  const name = `The base model with ${plural(few.subject.detail?.shots?.length ?? 0, 'example')} in its prompt`;
  if (!isChosenAlike(made, base.made))
    return `${name} is not in the table: ${made.choices ? 'it chose its answers by likelihood' : 'it wrote its answers'}.`;
  if (!comparable(made, base.made))
    return `${name} is not in the table: it was measured with another model, or on other data.`;
  if (items.length !== base.items.length)
    return `${name} is not in the table: it was measured on ${plural(items.length, 'row')}, the others on ${count(base.items.length)}.`;
  return isSameItems(base.items, items)
    ? undefined
    : `${name} is not in the table: it was measured on other rows of the test part.`;
}

/** Whether a row has an answer; prompts alone have none to put before a question. */
export const asksForAnswers = ({ items }: Pick<Evaluation, 'items'>): boolean =>
  items.some(({ expected }) => expected !== '');

/** Why an adapter that learned from rewards is not among the methods with examples; undefined if it is, and for other adapters. */
export function whyNotBehind(result: Evaluation, few: Side | undefined): string | undefined {
  const tuned = sidesOf(result, ADAPTER).at(0);
  return tuned?.rewards && !result.made.rewards && asksForAnswers(result) && !tunedBehind(tuned, few)
    ? 'The adapter learned from rewards, which can break what examples in the prompt do. It was not asked with any.'
    : undefined;
}
