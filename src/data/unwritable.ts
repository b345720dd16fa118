/**
 * What a model cannot write of the answers that it is to learn: characters that its tokenizer has no token for, and tokens that it cannot tell apart
 * from others, since nothing ever trained them. Both look like any other row in training, and the loss even falls.
 */
import type { Tokenizer } from '../text/tokenizer.ts';
import { IGNORED, saidBy, singleOf } from '../text/trainable.ts';
import type { PreparedRow } from './prepare.ts';
import type { Example } from './example.ts';
import { newTokensFor } from './token-cover.ts';

/** A row to learn from. */
export interface AnswerRow {
  /** Missing for a part of a document. */
  readonly example?: Example;
  readonly row: PreparedRow;
}

export interface Unwritable {
  /** Characters that the tokenizer cannot give back. */
  readonly missing: readonly string[];
  /** Characters, or longer tokens, whose scores are always those of another token. */
  readonly alike: readonly string[];
  /** Rows whose answer has any of them. */
  readonly rows: number;
  /** Whether a row is one of them, for each row that was looked at. */
  readonly touched: readonly boolean[];
  /** All rows that were looked at. */
  readonly of: number;
  /** New tokens with which the answers can be written, the most useful first. */
  readonly tokens: readonly string[];
  /** Those of `missing` and `alike` that no new token covers everywhere. */
  readonly left: readonly string[];
}

/** The answer of a row as text; '' if it has none or is a part of a document. */
export function answerOf(given: Example): string {
  const example = singleOf(given);
  switch (example.kind) {
    case 'completion':
      return example.completion;
    case 'messages':
      return example.messages
        .filter(({ role, supervised }) => role === 'assistant' && supervised !== false)
        .map(saidBy)
        .join('\n');
    case 'text':
      return example.document === true ? '' : example.text;
    default:
      return '';
  }
}

/** The same of a part of a document, or of a row whose example is no longer known. */
const textOf = ({ labels }: PreparedRow, tokenizer: Tokenizer): string =>
  tokenizer.decode(
    labels.filter((label) => label !== IGNORED),
    { skipSpecialTokens: true },
  );

/** The tokens that rows have a loss on, without special ones: a base model may never have met its end of a turn, and a run may do without it. */
export function learntTokens(rows: readonly AnswerRow[], tokenizer: Tokenizer): Set<number> {
  const ids = new Set<number>();
  for (const { row } of rows) for (const label of row.labels) ids.add(label);
  return new Set([...ids].filter((id) => id !== IGNORED && !tokenizer.isSpecial(id)));
}

/**
 * Tokens to compare those with: single bytes and characters, and special tokens. Some of them occur in no text, so that their rows show what an
 * untrained row of this model looks like.
 */
export function tokensToCompare(tokenizer: Tokenizer, learnt: ReadonlySet<number>): number[] {
  const ids = new Set(learnt);
  for (let id = 0; id < tokenizer.vocabSize; id++) {
    const token = tokenizer.tokenOf(id);
    if (token === undefined) continue;
    const isByte = (token.length === 1 && token.charCodeAt(0) < 0x180) || /^<0x[0-9A-F]{2}>$/.test(token);
    if (isByte || tokenizer.isSpecial(id)) ids.add(id);
  }
  return [...ids];
}

/** The ids of a text; none if the vocabulary cannot spell it. */
function idsOf(tokenizer: Tokenizer, text: string): number[] {
  try {
    return tokenizer.encode(text);
  } catch {
    return [];
  }
}

/**
 * @param twins tokens whose row of the output matrix is that of another (`model/output-rows.ts`)
 * @returns undefined if every answer can be written
 */
export function findUnwritable(
  rows: readonly AnswerRow[],
  tokenizer: Tokenizer,
  twins: ReadonlySet<number>,
): Unwritable | undefined {
  const answers = rows.map(({ example, row }) => (example && answerOf(example)) || textOf(row, tokenizer));
  const characters = [...new Set(answers.flatMap((text) => [...new Set(text)]))];
  const ids = new Map(characters.map((character) => [character, idsOf(tokenizer, character)]));
  const isMissing = (character: string): boolean =>
    character.trim() !== '' && !tokenizer.decode(ids.get(character)!).includes(character);
  const missing = new Set(characters.filter(isMissing));
  const alike = new Set(characters.filter((character) => ids.get(character)!.some((id) => twins.has(id))));
  for (const id of twins) {
    const text = tokenizer.decode([id]);
    if (text.length > 1 && !text.includes('\uFFFD') && ![...alike].some((one) => text.includes(one)))
      alike.add(text);
  }
  const marks = [...missing, ...alike];
  const touched = rows.map(
    ({ row }, at) =>
      row.labels.some((label) => twins.has(label)) || [...missing].some((one) => answers[at].includes(one)),
  );
  const count = touched.filter(Boolean).length;
  if (count === 0) return undefined;
  const { tokens, left } = newTokensFor(
    answers.filter((_, at) => touched[at]),
    marks,
    (text) => tokenizer.idOf(text) !== undefined,
  );
  return { missing: [...missing], alike: [...alike], rows: count, of: rows.length, touched, tokens, left };
}

const SHOWN = 12;

function named(marks: readonly string[]): string {
  const shown = marks.slice(0, SHOWN).map((mark) => (mark.trim() === mark ? mark : JSON.stringify(mark)));
  return marks.length > SHOWN ? `${shown.join(' ')} and ${marks.length - SHOWN} more` : shown.join(' ');
}

/** What is wrong, in two sentences. */
export function unwritableWords({ missing, alike, rows, of }: Unwritable): string {
  const whole = rows === of ? (of === 1 ? 'the only row' : `all ${of} rows`) : `${rows} of ${of} rows`;
  const parts = [
    ...(missing.length > 0 ? [`has no token for ${named(missing)}`] : []),
    ...(alike.length > 0
      ? [
          `cannot tell ${named(alike)} from other tokens, since nothing trained ${alike.length === 1 ? 'it' : 'them'}`,
        ]
      : []),
  ];
  return `This model ${parts.join(', and ')}. The answers of ${whole} need ${missing.length + alike.length === 1 ? 'it' : 'them'}.`;
}

/** What to do about those that no new token covers. @param head how the head is trained there */
export function leftWords({ left }: Unwritable, head: string): string | undefined {
  if (left.length === 0) return undefined;
  return `No new token can hold ${named(left)} everywhere: write the answers without ${left.length === 1 ? 'it' : 'them'}, or ${head}.`;
}
