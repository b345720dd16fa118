/** What speaks against an adapter that scores well on its rows: answers that did not change, and knowledge that is gone. */
import { threeDigits } from '../numbers.ts';
import type { Comparison } from './comparison.ts';
import { collapse, LOST_TEXT } from './forgetting.ts';

/** Whether the adapter answers every row as the base model does, to the letter; undefined where nothing was answered. */
export function isUnchanged({ rows }: Pick<Comparison, 'rows'>): boolean | undefined {
  return rows.length === 0 ? undefined : rows.every(({ base, tuned }) => base.trim() === tuned.trim());
}

/** How many rows the adapter answers in other words than the base model. */
export const changedAnswers = ({ rows }: Pick<Comparison, 'rows'>): number =>
  rows.filter(({ base, tuned }) => base.trim() !== tuned.trim()).length;

/** What it knew and has lost, as a sentence goes on; undefined where that is little, or was not measured. */
export function lostKnowledge({
  forgetting,
  general,
}: Pick<Comparison, 'forgetting' | 'general'>): string | undefined {
  const collapsed = forgetting && collapse(forgetting);
  if (collapsed) return collapsed;
  return general && general.tuned.loss - general.base.loss > LOST_TEXT
    ? `the perplexity of general text went from ${threeDigits(general.base.perplexity)} to ${threeDigits(general.tuned.perplexity)}`
    : undefined;
}

/** For pairs: the same of the chosen answers themselves, which were to become likelier. */
export function lostAnswers({ base, tuned, otherText }: Comparison): string | undefined {
  return base && tuned && !otherText && !(tuned.loss - base.loss <= LOST_TEXT)
    ? `the perplexity of the chosen answers went from ${threeDigits(base.perplexity)} to ${threeDigits(tuned.perplexity)}`
    : undefined;
}

/** Whether anything tells what else it forgot. */
export const isForgettingKnown = ({
  forgetting,
  general,
}: Pick<Comparison, 'forgetting' | 'general'>): boolean =>
  forgetting?.after !== undefined || general !== undefined;
