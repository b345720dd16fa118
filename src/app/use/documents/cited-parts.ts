/** An answer cut at its marks [1] and its quotes, to be drawn. */
import { readAnswer } from '../../../retrieval/cited.ts';

export type CitedPart =
  | { readonly kind: 'text'; readonly text: string }
  /** A mark of one or more passages; a number without a passage is unknown. */
  | {
      readonly kind: 'mark';
      readonly text: string;
      readonly numbers: readonly { readonly number: number; readonly known: boolean }[];
    }
  /** The words between two quotation marks, and the number of the passage that holds them, if one does. */
  | { readonly kind: 'quote'; readonly text: string; readonly passage: number | null };

const MARK = /\[(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\]/gu;

/** @param passages in the order of their numbers */
export function citedParts(answer: string, passages: readonly { readonly text: string }[]): CitedPart[] {
  const marks = [...answer.matchAll(MARK)].map(({ 0: text, 1: list, index }) => ({
    start: index,
    end: index + text.length,
    part: {
      kind: 'mark' as const,
      text,
      numbers: list.split(/[,;]/).map((digits) => {
        const number = Number(digits);
        return { number, known: number >= 1 && number <= passages.length };
      }),
    },
  }));
  const quotes = readAnswer(answer, passages).quotes.map(({ start, end, text, passage }) => ({
    ...{ start, end },
    part: { kind: 'quote' as const, text, passage },
  }));
  const parts: CitedPart[] = [];
  let done = 0;
  // A mark inside of a quote is a part of the quote.
  for (const { start, end, part } of [...marks, ...quotes].sort((a, b) => a.start - b.start)) {
    if (start < done) continue;
    if (start > done) parts.push({ kind: 'text', text: answer.slice(done, start) });
    parts.push(part);
    done = end;
  }
  if (done < answer.length) parts.push({ kind: 'text', text: answer.slice(done) });
  return parts;
}
