/** Why a file gives no row to train on, and which change would give some. */
import type { Numbering, Problem } from './example.ts';
import { GraftError } from '../errors.ts';
import type { DataOptions } from './options.ts';
import type { Entry } from './row-set.ts';

/** The limit removed the answer of every row, or the row: another limit, or another way to cut, keeps rows. */
export class TooLong extends GraftError {
  constructor(
    what: string,
    remedy: string,
    /** Tokens of the longest row. */
    readonly longest: number,
  ) {
    super('data-too-long', what, remedy);
  }
}

interface Unusable {
  readonly name: string;
  readonly entries: readonly Entry[];
  /** The rows that could not be read or made. */
  readonly problems: readonly Problem[];
  readonly problemCount: number;
  readonly numbering: Numbering;
  readonly options: Pick<DataOptions, 'maxLength' | 'overlong'>;
  /** Rows that the model takes at most. */
  readonly maxPositions: number;
}

const FORMATS =
  'Use a file of examples: JSONL, JSON or CSV with messages, conversations, prompt and completion, instruction and output, or text.';

export function nothingUsable(file: Unusable): GraftError {
  const { name, entries, problems, problemCount, numbering, options } = file;
  const tooLong = entries.filter(({ length }) => length > options.maxLength);
  const rows = entries.filter(({ state }) => state !== 'bad').length + problemCount;
  if (tooLong.length > 0) return allTooLong(file, tooLong, rows);
  if (rows === 0) return new GraftError('data-rows', `${name} has no rows.`, FORMATS);
  const [first] = problems;
  const why =
    problems.length > 0 ? `${numbering} ${first.line}: ${first.reason}` : 'none has a token to learn from';
  return new GraftError('data-rows', `${name} has no row that can be used; ${why}.`, FORMATS);
}

function allTooLong(
  { name, options: { maxLength, overlong }, maxPositions }: Unusable,
  tooLong: readonly Entry[],
  rows: number,
): TooLong {
  const longest = tooLong.reduce((max, { length }) => Math.max(max, length), 0);
  const some = tooLong.length === rows ? `all ${rows} rows` : `${tooLong.length} of ${rows} rows`;
  const who = rows === 1 ? 'its row is' : `${some} are`;
  const fate =
    overlong === 'drop'
      ? `longer than ${maxLength} tokens and left out`
      : `cut at ${maxLength} tokens, before the answer`;
  const ways = [
    ...(overlong === 'truncate-prompt' ? [] : ['Let them lose part of the prompt, which keeps the answer']),
    ...(maxPositions > maxLength ? [`raise the limit (the model takes ${maxPositions} tokens)`] : []),
  ];
  return new TooLong(
    `${name} has no row that can be used; ${who} ${fate}. The longest has ${longest}.`,
    `${ways.join(', or ') || 'Shorten them'}.`,
    longest,
  );
}
