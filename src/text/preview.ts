/** A row as a person sees it before training: every token's text, whether it is learnt from, whether the limit cuts it. */
import type { LimitedRow } from './limit.ts';
import type { Tokenizer } from './tokenizer.ts';
import { IGNORED, type TokenRow } from './trainable.ts';

export interface PreviewToken {
  readonly id: number;
  /** What the token adds to the text: '' inside a character of several tokens, which its last token has. */
  readonly text: string;
  readonly supervised: boolean;
  readonly cut: boolean;
}

/** @param row before the limit; @param limited what applyLimit made of it. Texts add up to the decoded row. */
export function previewRow(row: TokenRow, limited: LimitedRow, tokenizer: Tokenizer): PreviewToken[] {
  const stream = tokenizer.streamDecoder();
  const tokens = row.ids.map((id, t) => ({
    id,
    text: stream.push(id),
    supervised: t > 0 && row.labels[t] !== IGNORED,
    cut: limited.removed.some(([start, end]) => t >= start && t < end),
  }));
  const rest = stream.end();
  if (rest) tokens[tokens.length - 1].text += rest;
  return tokens;
}
