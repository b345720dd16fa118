/** A question of a document as a line of JSONL: what `graft passages` reads, and a row that is trained and measured as it is. */
import type { QuotePlace } from './quote-place.ts';

export interface WrittenQuestion {
  readonly id: string;
  readonly question: string;
  /** Empty if the documents do not answer it. */
  readonly answer: string;
  /** The words that answer it; missing if the documents do not. */
  readonly quote?: QuotePlace | undefined;
  readonly file?: string | undefined;
  /** The id of the chunk that holds the quote. */
  readonly passage?: string | undefined;
  /** Who wrote it: a model, a template, or nobody but the person. */
  readonly by: string;
  readonly approved: boolean;
}

/** A question as a line of JSONL, with the place of its quote as its passage. */
export function questionLine(written: WrittenQuestion): string {
  const { id, question, answer, quote, file, passage, by, approved } = written;
  return `${JSON.stringify({
    ...{ id, question, answer },
    passages: quote && file !== undefined ? [{ doc: file, ...placed(quote) }] : [],
    ...(passage !== undefined && { passage }),
    ...{ made: by, approved },
  })}\n`;
}

const placed = ({ start, end, text }: QuotePlace): QuotePlace => ({ start, end, text });
