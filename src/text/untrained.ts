/**
 * Parts of an answer that are context only: a person marks them in a text, and the loss leaves out the tokens that have a character of them. A token that a
 * part cuts is left out as well, since it would teach some of it.
 */
import { GraftError } from '../errors.ts';
import type { Span } from './chat-spans.ts';
import { textsOfTokens } from './token-text.ts';
import type { Tokenizer } from './tokenizer.ts';

/** From the first character to before the last one, in code points: Unicode characters, so that every language counts them alike. */
export type CharSpan = readonly [start: number, end: number];

/**
 * The parts in UTF-16 units of a text that has the answer.
 *
 * @param text the rendered row @param within where in it the answer is; white space at its ends may be missing there
 * @throws GraftError `chat-template-untrained` if the text does not have the answer as it is
 */
export function untrainedIn(
  text: string,
  within: Span,
  answer: string,
  untrained: readonly CharSpan[] = [],
): Span[] {
  if (untrained.length === 0) return [];
  const shown = text.slice(within.start, within.end);
  const whole = shown.indexOf(answer);
  const at = whole >= 0 ? whole : shown.indexOf(answer.trim()) - (answer.length - answer.trimStart().length);
  if (whole < 0 && !shown.includes(answer.trim()))
    throw new GraftError(
      'chat-template-untrained',
      'The chat template changes an answer with untrained parts, so that they cannot be found in it.',
      'Remove the field untrained of this row, or choose another template.',
    );
  const units = unitsOf(answer);
  return untrained.map(([start, end]) => ({
    start: within.start + at + units[start],
    end: within.start + at + units[end],
  }));
}

/** The UTF-16 unit at which each character of a text starts, and at which the text ends. */
function unitsOf(text: string): number[] {
  const units = [0];
  for (const character of text) units.push(units[units.length - 1] + character.length);
  return units;
}

/**
 * For each token whether it has a character of a part. A tokenizer whose tokens do not spell the text leaves bounds that may lie a few tokens outside of
 * the part, never inside.
 *
 * @param ids of the text, without anything around it
 */
export function tokensIn(
  text: string,
  parts: readonly Span[],
  ids: readonly number[],
  tokenizer: Tokenizer,
): boolean[] {
  const inside = new Array<boolean>(ids.length).fill(false);
  if (parts.length === 0) return inside;
  const texts = textsOfTokens(ids, tokenizer, {}).map((token) => token.text);
  if (texts.join('') !== text) {
    for (const { start, end } of parts) {
      const from = common(tokenizer.encode(text.slice(0, start)), ids, (items, at) => items[at]);
      const after = common(tokenizer.encode(text.slice(end)), ids, (items, at) => items.at(-1 - at));
      inside.fill(true, from, Math.max(from, ids.length - after));
    }
    return inside;
  }
  let [start, end] = [0, 0];
  return texts.map((own) => {
    // A token without a text of its own continues the character before it.
    if (own !== '') [start, end] = [end, end + own.length];
    return parts.some((part) => part.start < end && start < part.end);
  });
}

/** How many items two lists have in common, taken by `at`. */
function common(
  one: readonly number[],
  other: readonly number[],
  at: (items: readonly number[], place: number) => number | undefined,
): number {
  let count = 0;
  while (count < Math.min(one.length, other.length) && at(one, count) === at(other, count)) count++;
  return count;
}
