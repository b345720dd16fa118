/**
 * `"untrained": [[0, 12], [20, 24]]` next to an answer: parts of its text that are context and not learnt from. Each is the place of its first character
 * and of the one after its last, counted in Unicode characters (code points) from 0.
 */
import type { PairSide } from '../../text/trainable.ts';
import type { CharSpan } from '../../text/untrained.ts';
import { BadRow, shown } from './row.ts';

/** @param text the answer @returns undefined if there is none @throws BadRow for what are no parts of the text, in their order */
export function untrainedOf(value: unknown, text: string, field: string): readonly CharSpan[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value))
    throw new BadRow(`${field} is ${shown(value)}, but a list of [start, end] is needed`);
  const length = [...text].length;
  let before = 0;
  const spans = value.map((span: unknown, index): CharSpan => {
    const [start, end]: unknown[] = Array.isArray(span) && span.length === 2 ? span : [];
    if (!Number.isInteger(start) || !Number.isInteger(end))
      throw new BadRow(`${field}[${index}] is ${shown(span)}, but [start, end] is needed`);
    const [from, to] = [start as number, end as number];
    if (from < before || to <= from || to > length)
      throw new BadRow(
        `${field}[${index}] is [${from}, ${to}], but parts are in order, not empty, and end by ${length}, the characters of the text`,
      );
    before = to;
    return [from, to];
  });
  return spans.length > 0 ? spans : undefined;
}

/** Answers that are compared or judged count as a whole. @throws BadRow */
export function refuseUntrained(side: PairSide): void {
  const isMarked =
    (side.kind === 'completion' && side.untrained) ||
    (side.kind === 'messages' && side.messages.some(({ untrained }) => untrained));
  if (isMarked)
    throw new BadRow('untrained is for answers that are learned from, not for compared or judged ones');
}
