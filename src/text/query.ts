/** A query with its texts as one row for an encoder: all of them end to end, each with its special tokens and cut to the window. */
import type { RenderedRow } from './loss-mask.ts';
import { textIds } from './text-ids.ts';
import type { Tokenizer } from './tokenizer.ts';
import { IGNORED, type Query } from './trainable.ts';

interface RenderedQuery {
  readonly row: RenderedRow;
  /** Whether the end of a text was left out. */
  readonly cut: boolean;
}

/** @param window tokens of a text at most, special ones included */
export function renderQuery(
  { query, positive, negatives }: Query,
  tokenizer: Tokenizer,
  window: number,
): RenderedQuery {
  const texts = [query, positive, ...negatives].map((text) => textIds(tokenizer, text, window));
  const ids = texts.flatMap((text) => text.ids);
  const starts: number[] = [];
  for (const text of texts.slice(0, -1)) starts.push((starts.at(-1) ?? 0) + text.ids.length);
  return {
    row: { ids, labels: ids.map(() => IGNORED), starts, texts: true, notes: [] },
    cut: texts.some((text) => text.cut),
  };
}
