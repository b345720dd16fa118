/** Texts → ids for an encoder: with its special tokens, cut to its window. */
import type { Tokenizer } from './tokenizer.ts';

export interface TextIds {
  readonly ids: readonly number[];
  /** Whether the text is longer than the window, and its end was left out. */
  readonly cut: boolean;
}

/**
 * The ids of a text between its tokenizer's special tokens. Of a longer text the first tokens are kept, and the special ones after it.
 *
 * @param window tokens at most, special ones included; more than the special ones are
 * @throws GraftError as `Tokenizer.encode`
 */
export function textIds(tokenizer: Tokenizer, text: string, window: number): TextIds {
  const ids = tokenizer.encode(text, { addSpecialTokens: true });
  if (ids.length <= window) return { ids, cut: false };
  const closing = closingIds(tokenizer);
  return { ids: [...ids.slice(0, window - closing.length), ...closing], cut: true };
}

/** The special tokens after a text: all of those that its tokenizer adds but the ones that a text starts with. */
function closingIds(tokenizer: Tokenizer): number[] {
  const frame = tokenizer.encode('', { addSpecialTokens: true });
  const some = tokenizer.encode('a', { addSpecialTokens: true });
  const opening = frame.findIndex((id, at) => some[at] !== id);
  return frame.slice(opening < 0 ? frame.length : opening);
}
