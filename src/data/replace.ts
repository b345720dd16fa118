/** Find and replace in the texts of examples. */
import { GraftError, messageOf } from '../errors.ts';
import type { ExampleContent } from '../text/trainable.ts';
import { withTexts } from './edit-fields.ts';

export interface Replacement {
  readonly find: string;
  readonly replace: string;
  readonly matchCase: boolean;
  /** Whether `find` is a regular expression; `$1` in the replacement is its first group. */
  readonly pattern: boolean;
  readonly where: 'everywhere' | 'prompts' | 'answers';
}

/** A text before and after, around the first place that changes. */
export interface ReplaceExample {
  readonly at: number;
  readonly file: number;
  readonly line: number;
  readonly before: string;
  readonly after: string;
}

export interface ReplaceFound {
  /** Rows that change, and the places in them. */
  readonly rows: number;
  readonly places: number;
  /** Rows that would not be rows any more, as without an answer: they stay as they are. */
  readonly refused: number;
  readonly examples: readonly ReplaceExample[];
}

const ESCAPED = /[.*+?^${}()|[\]\\]/g;

/** @throws GraftError `replace-pattern` for a pattern that is none, or finds nothing everywhere */
export function replacer({
  find,
  replace,
  matchCase,
  pattern,
}: Replacement): (text: string) => { readonly text: string; readonly places: number } {
  let expression: RegExp;
  try {
    expression = new RegExp(pattern ? find : find.replace(ESCAPED, '\\$&'), matchCase ? 'gu' : 'giu');
  } catch (cause) {
    throw new GraftError(
      'replace-pattern',
      `“${find}” is not a regular expression: ${messageOf(cause)}.`,
      'Correct it, or search for the text as it stands.',
      { cause },
    );
  }
  if (expression.test(''))
    throw new GraftError(
      'replace-pattern',
      `“${find}” matches an empty text, so it is found everywhere.`,
      'Search for at least one character.',
    );
  return (text) => {
    const places = text.match(expression)?.length ?? 0;
    // A dollar sign has a meaning in the replacement of a pattern only.
    const by = pattern ? replace : replace.replaceAll('$', '$$$$');
    return { places, text: places === 0 ? text : text.replace(expression, by) };
  };
}

const AROUND = 40;

/** The texts around the first difference. */
export function around(before: string, after: string): readonly [before: string, after: string] {
  let start = 0;
  while (start < Math.min(before.length, after.length) && before[start] === after[start]) start++;
  const from = Math.max(0, start - AROUND);
  const cut = (text: string): string =>
    `${from > 0 ? '…' : ''}${text.slice(from, start + AROUND)}${text.length > start + AROUND ? '…' : ''}`;
  return [cut(before), cut(after)];
}

/** An example after a replacement. */
export interface Replaced {
  readonly content: ExampleContent;
  readonly places: number;
  /** The first text that changed. */
  readonly first: readonly [before: string, after: string];
}

/** @returns undefined if nothing is found in it */
export function replaceIn(
  content: ExampleContent,
  replacing: ReturnType<typeof replacer>,
  where: Replacement['where'],
): Replaced | undefined {
  let places = 0;
  let first: Replaced['first'] | undefined;
  const changed = withTexts(content, ({ text, answers }) => {
    if (where !== 'everywhere' && (where === 'answers') !== answers) return text;
    const result = replacing(text);
    places += result.places;
    if (result.places > 0) first ??= [text, result.text];
    return result.text;
  });
  return first && { content: changed, places, first };
}
