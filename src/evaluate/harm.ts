/** What speaks against an adapter that scores well on its rows: answers that did not change, and knowledge that is gone. */
import { threeDigits } from '../numbers.ts';
import type { Compared } from './sides.ts';
import { collapse, LOST_TEXT } from './forgetting.ts';

/** Whether the adapter answers every row as the base model does, to the letter; undefined if nothing was answered. */
export function isUnchanged(of: Compared): boolean | undefined {
  return of.tuned.answers.length === 0 ? undefined : changedAnswers(of) === 0;
}

/** How many rows the adapter answers in other words than the base model. */
export const changedAnswers = ({ base, tuned }: Compared): number =>
  tuned.answers.filter((answer, at) => answer.trim() !== base.answers[at].trim()).length;

/** What it knew and has lost, as a sentence goes on; undefined if that is little, or was not measured. */
export function lostKnowledge({ base, tuned }: Compared): string | undefined {
  const { forgetting, general } = tuned.subject;
  const collapsed = forgetting && collapse(forgetting);
  if (collapsed) return collapsed;
  const before = base.subject.general;
  return before && general && general.loss - before.loss > LOST_TEXT
    ? `the perplexity of general text went from ${threeDigits(before.perplexity)} to ${threeDigits(general.perplexity)}`
    : undefined;
}

/** For pairs: the same of the chosen answers themselves, which were to become likelier. */
export function lostAnswers(of: Compared): string | undefined {
  const { loss: base } = of.base.subject;
  const { loss: tuned, otherText } = of.tuned.subject;
  return base && tuned && !otherText && !(tuned.loss - base.loss <= LOST_TEXT)
    ? `the perplexity of the chosen answers went from ${threeDigits(base.perplexity)} to ${threeDigits(tuned.perplexity)}`
    : undefined;
}

/** Whether anything tells what else it forgot. */
export const isForgettingKnown = ({ base, tuned }: Compared): boolean =>
  tuned.subject.forgetting?.after !== undefined ||
  (base.subject.general !== undefined && tuned.subject.general !== undefined);
