/** A model's judging as part of a record: which pairs are left, and what a verdict adds. */
import { differingRows } from './blind.ts';
import type { JudgedPair } from './judging-prompt.ts';
import type { Evaluation, ModelJudging, ModelTurn } from './record.ts';

const isOfSame = (
  { subjects: [one, other] }: Pick<ModelJudging, 'subjects'>,
  { subjects }: Pick<ModelJudging, 'subjects'>,
): boolean => subjects.includes(one) && subjects.includes(other);

/**
 * A judging to continue: the kept one of the same subjects, judge and prompt unless it is finished, else a new one.
 *
 * @param asked what is to be judged, by whom, and how
 */
export function judgingOf(
  { judged = [] }: Pick<Evaluation, 'judged'>,
  asked: Pick<ModelJudging, 'subjects' | 'model' | 'prompt'>,
): ModelJudging {
  const kept = judged.find(
    (one) =>
      one.ended === undefined &&
      one.subjects.join() === asked.subjects.join() &&
      one.model.name === asked.model.name &&
      one.model.fingerprint === asked.model.fingerprint &&
      one.prompt === asked.prompt,
  );
  return kept ?? { ...asked, turns: [], tooLong: [] };
}

/** Items that are to be judged, and were not yet, in their order. */
export function itemsLeft(record: Pick<Evaluation, 'evidence'>, judging: ModelJudging): number[] {
  const done = new Set([...judging.turns.map(({ item }) => item), ...judging.tooLong]);
  return differingRows(record, judging.subjects).items.filter((item) => !done.has(item));
}

/** The answers of both subjects to an item. */
export function judgedPair(
  { items, evidence }: Pick<Evaluation, 'items' | 'evidence'>,
  { subjects }: Pick<ModelJudging, 'subjects'>,
  item: number,
): JudgedPair {
  const [first, second] = subjects.map((at) => evidence[item][at]?.text ?? '');
  const { prompt: question, expected: reference } = items[item];
  return { question, reference, first, second };
}

/** With the next verdicts. @param items that they are of @param leans by item, as far as there are some; null for a pair that does not fit */
export function withVerdicts(
  judging: ModelJudging,
  items: readonly number[],
  leans: readonly (ModelTurn['leans'] | null)[],
): ModelJudging {
  const done = items.slice(0, leans.length);
  return {
    ...judging,
    turns: [
      ...judging.turns,
      ...done.flatMap((item, at): ModelTurn[] => {
        const own = leans[at];
        return own ? [{ item, leans: own }] : [];
      }),
    ],
    tooLong: [...judging.tooLong, ...done.filter((_, at) => leans[at] === null)],
    ...(done.length === items.length && { ended: true as const }),
  };
}

/** The record with a judging in place of the one of the same subjects. */
export function withJudging(record: Evaluation, judging: ModelJudging): Evaluation {
  const others = (record.judged ?? []).filter((one) => !isOfSame(one, judging));
  return { ...record, judged: [...others, judging] };
}

/** The record without a judging of these subjects. */
export function withoutJudging(record: Evaluation, judging: Pick<ModelJudging, 'subjects'>): Evaluation {
  const { judged = [], ...rest } = record;
  const others = judged.filter((one) => !isOfSame(one, judging));
  return others.length > 0 ? { ...rest, judged: others } : rest;
}
