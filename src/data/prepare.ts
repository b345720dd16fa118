/** Examples → token rows of at most a run's length, and a report of everything that was cut, dropped or refused. */
import { GraftError } from '../errors.ts';
import { applyLimit, type OverlongPolicy } from '../text/limit.ts';
import {
  renderExample,
  renderTokens,
  type RenderedRow,
  type RenderExampleOptions,
} from '../text/loss-mask.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { renderReady } from '../text/pair.ts';
import { renderQuery } from '../text/query.ts';
import {
  saidBy,
  IGNORED,
  longestSequence,
  sequencesOf,
  supervisedCount,
  type ExampleContent,
  type Query,
  type TokenRow,
} from '../text/trainable.ts';
import type { TextOptions } from './documents.ts';
import type { Example, Problem } from './example.ts';
import { rangeOf, TokenLines, type LineRange } from './text-lines.ts';

/** Characters of a document that are encoded at once: some tokenizers treat a whole text as one word, with a heap for every word. */
const DOCUMENT_PIECE_CHARS = 128 * 1024;
/** The most characters of an example. A tokenizer can take minutes for a word of such a length. */
export const MAX_EXAMPLE_CHARS = 1024 * 1024;

export interface PrepareOptions extends RenderExampleOptions {
  /** Tokens of a row, 2 or more. */
  maxLength: number;
  /** Default `truncate-end`. */
  overlong?: OverlongPolicy;
  /** Rows of the model's embedding: ready token rows are checked against it. Default: the tokenizer's. */
  vocabSize?: number;
  /** How documents become rows. */
  text?: TextOptions;
  /** Whether rows are for an encoder, which takes queries with their texts and nothing else. */
  encodes?: boolean | undefined;
}

export interface PrepareReport {
  /** Training rows, their tokens, and how many of these are supervised. */
  rows: number;
  tokens: number;
  supervisedTokens: number;
  /** Lines of rows that were shortened and are trained. */
  cut: number[];
  /** Lines of rows that were dropped for their length. */
  dropped: number[];
  /** Lines of rows with nothing left to learn from; not trained. */
  unsupervised: number[];
  /** Rows that could not be made: a template that refuses them, an id that the model doesn't have. */
  failed: Problem[];
  /** Warnings, with the lines that they are about. */
  notes: { note: string; lines: number[] }[];
}

export interface PreparedRow extends TokenRow {
  /** The line of the example that it was made from. */
  readonly line: number;
  /** Which of its sequences lost their end to the limit: of a pair 0 the chosen answer, 1 the rejected one. */
  readonly cutAnswers?: readonly number[];
}

/** The result of one example. */
export interface MadeRows {
  readonly state: ExampleOutcome;
  /** Tokens before the limit; of a pair those of its longer sequence. */
  readonly length: number;
  /** Supervised tokens, after the limit. */
  readonly supervised: number;
}

export interface Prepared {
  rows: PreparedRow[];
  report: PrepareReport;
}

/** Pieces of a document that end at a line's end if there is one. At a seam sentencepiece writes a space of its own: one in 128 Ki. */
function* documentPieces(text: string): Generator<string> {
  for (let start = 0; start < text.length;) {
    let end = Math.min(text.length, start + DOCUMENT_PIECE_CHARS);
    if (end < text.length) {
      const line = text.lastIndexOf('\n', end - 1);
      if (line > start) end = line + 1;
      // Never between the halves of a character.
      else if (/[\uD800-\uDBFF]/.test(text[end - 1])) end++;
    }
    yield text.slice(start, end);
    start = end;
  }
}

/** bos + document + eos. */
function documentIds(text: string, tokenizer: Tokenizer): number[] {
  const ids: number[] = [];
  if (tokenizer.startId !== undefined) ids.push(tokenizer.startId);
  for (const piece of documentPieces(text)) for (const id of tokenizer.encode(piece)) ids.push(id);
  if (tokenizer.eosId !== undefined) ids.push(tokenizer.eosId);
  return ids;
}

/** A row of text: all of it is supervised, except for the tokens that repeat the previous row. */
const textRow = (ids: readonly number[], known: number): TokenRow => ({
  ids,
  labels: ids.map((id, t) => (t < Math.max(1, known) ? IGNORED : id)),
});

/**
 * A document in rows of maxLength. A row starts with the last tokens of the one before, at least one, so that every token but the first is
 * predicted, once.
 */
function* documentRows(
  ids: readonly number[],
  maxLength: number,
  overlap: number,
): Generator<{ readonly row: TokenRow; readonly start: number }> {
  for (let start = 0; start === 0 || start + overlap < ids.length; start += maxLength - overlap)
    yield { row: textRow(ids.slice(start, start + maxLength), start === 0 ? 1 : overlap), start };
}

function charsOf(example: ExampleContent): number {
  switch (example.kind) {
    case 'messages':
      return example.messages.reduce(
        (sum, message) => sum + saidBy(message).length,
        example.tools ? JSON.stringify(example.tools).length : 0,
      );
    case 'completion':
      return example.prompt.length + example.completion.length;
    case 'text':
      return example.text.length;
    case 'tokens':
      return 0;
    case 'prompt':
      return typeof example.prompt === 'string'
        ? example.prompt.length
        : example.prompt.reduce((sum, { content }) => sum + content.length, 0);
    case 'pair':
      return Math.max(charsOf(example.chosen), charsOf(example.rejected));
    case 'unpaired':
      return charsOf(example.answer);
    case 'query':
      return Math.max(...[example.query, example.positive, ...example.negatives].map(({ length }) => length));
  }
}

/** An error that every example would have, so that it is thrown once. */
const FATAL_CODES = new Set([
  'chat-template-missing',
  'chat-template-budget',
  'chat-template',
  'tokenizer-missing',
  'tokenizer-pattern',
]);

/** What became of an example; `cut` is trained on, the last three are not. */
export type ExampleOutcome = 'ok' | 'cut' | 'dropped' | 'unsupervised' | 'failed';

/** Makes rows of examples one at a time, so that a caller can show how far it is, or stop. {@link prepareRows} makes all at once. */
export class RowMaker {
  readonly rows: PreparedRow[] = [];
  /** Tokens of documents that are laid end to end and fill no row yet, their lines, and the line of the first document. */
  #packed: { ids: number[]; lines: number[]; line: number } = { ids: [], lines: [], line: 1 };
  #tokenLines: TokenLines | undefined;
  readonly #ranges = new Map<PreparedRow, LineRange>();
  readonly #notes = new Map<string, number[]>();
  readonly report: PrepareReport = {
    rows: 0,
    tokens: 0,
    supervisedTokens: 0,
    cut: [],
    dropped: [],
    unsupervised: [],
    failed: [],
    notes: [],
  };

  /**
   * @param tokenizer may be missing if all examples are ready token rows
   * @throws GraftError `prepare-length` for a limit below 2
   */
  constructor(
    readonly tokenizer: Tokenizer | undefined,
    readonly options: PrepareOptions,
  ) {
    if (!Number.isInteger(options.maxLength) || options.maxLength < 2) {
      throw new GraftError(
        'prepare-length',
        `A row of ${options.maxLength} tokens teaches nothing.`,
        'Choose a maximum length of 2 or more.',
      );
    }
  }

  /** The lines of the file that a row of text comes from; undefined for a row that is one example. */
  linesOf(row: PreparedRow): LineRange | undefined {
    return this.#ranges.get(row);
  }

  #addText(row: TokenRow, line: number, lines: readonly number[]): void {
    const before = this.rows.length;
    this.#add(row, line);
    const range = rangeOf(lines);
    if (range) for (const made of this.rows.slice(before)) this.#ranges.set(made, range);
  }

  #add(
    row: TokenRow,
    line: number,
    supervised = supervisedCount(row),
    cutAnswers: readonly number[] = [],
  ): void {
    const { ids, labels, starts, desirable, asks, texts } = row;
    if (supervised === 0 && !asks && !texts) {
      this.report.unsupervised.push(line);
      return;
    }
    this.rows.push({
      ...{ ids, labels },
      ...(starts && { starts }),
      ...(desirable !== undefined && { desirable }),
      ...(asks && { asks }),
      ...(texts && { texts }),
      ...(cutAnswers.length > 0 && { cutAnswers }),
      line,
    });
    this.report.rows++;
    this.report.tokens += row.ids.length;
    this.report.supervisedTokens += supervised;
  }

  #checkChars(example: Example): void {
    const chars = charsOf(example);
    if (chars > MAX_EXAMPLE_CHARS)
      throw new GraftError(
        'prepare-chars',
        `the row has ${chars} characters; at most ${MAX_EXAMPLE_CHARS} are read`,
        '',
      );
  }

  #render(example: Example): RenderedRow {
    if (this.tokenizer) return renderExample(example, this.tokenizer, this.options);
    if (example.kind === 'tokens') return renderTokens(example);
    const ready = example.kind === 'pair' || example.kind === 'unpaired' ? renderReady(example) : undefined;
    if (ready) return ready;
    throw new GraftError(
      'tokenizer-missing',
      `The example on line ${example.line} is text, and the model folder has no tokenizer.json.`,
      'Add the tokenizer, or use ready token rows (ids, labels).',
    );
  }

  #checkIds({ ids }: TokenRow): void {
    const vocabSize = this.options.vocabSize ?? this.tokenizer?.vocabSize;
    if (vocabSize === undefined) return;
    const outside = ids.find((id) => id >= vocabSize);
    if (outside === undefined) return;
    throw new GraftError(
      'tokens-vocabulary',
      `the id ${outside} is outside of the model's vocabulary of ${vocabSize}`,
      '',
    );
  }

  /**
   * One example; its row, if it became one, is the last of `rows`. A document becomes as many rows as it fills.
   * @throws GraftError `tokenizer-missing`, `chat-template-missing`, `chat-template`; what is wrong with this example alone is in the report
   */
  add(example: Example): MadeRows {
    try {
      return this.#make(example);
    } catch (error) {
      if (!(error instanceof GraftError) || FATAL_CODES.has(error.code)) throw error;
      this.report.failed.push({ line: example.line, reason: error.what });
      return { state: 'failed', length: 0, supervised: 0 };
    }
  }

  #make(example: Example): MadeRows {
    const { maxLength, overlong = 'truncate-end' } = this.options;
    const { line } = example;
    if (example.kind === 'text' && example.document && this.tokenizer) {
      const ids = documentIds(example.text, this.tokenizer);
      const { packed = false, overlap = 1 } = this.options.text ?? {};
      this.#tokenLines ??= new TokenLines(this.tokenizer);
      const lines = this.#tokenLines.of(ids, line);
      if (packed) this.#pack(ids, lines, line);
      else
        for (const { row, start } of documentRows(ids, maxLength, Math.min(overlap, maxLength - 1)))
          this.#addText(row, line, lines.slice(start, start + maxLength));
      return { state: 'ok', length: ids.length, supervised: ids.length };
    }
    this.#checkChars(example);
    if (this.options.encodes && example.kind === 'query') return this.#addQuery(example);
    if (this.options.encodes)
      throw new GraftError(
        'prepare-kind',
        'the row has no query and positive, which an encoder learns from',
        '',
      );
    const rendered = this.#render(example);
    this.#checkIds(rendered);
    for (const note of [...(example.notes ?? []), ...rendered.notes]) {
      const lines = this.#notes.get(note);
      if (lines) lines.push(line);
      else this.#notes.set(note, [line]);
    }
    const { row, cut, supervised, removed } = applyLimit(
      rendered,
      maxLength,
      overlong,
      this.tokenizer?.bosId,
    );
    const length = longestSequence(rendered);
    if (!row) {
      this.report.dropped.push(line);
      return { state: 'dropped', length, supervised: 0 };
    }
    const isUsed = supervised > 0 || row.asks === true;
    if (cut && isUsed) this.report.cut.push(line);
    const ended = sequencesOf(rendered).flatMap(([, end], at) =>
      rendered.starts && removed.some(([, last]) => last === end) ? [at] : [],
    );
    this.#add(row, line, supervised, ended);
    return { state: !isUsed ? 'unsupervised' : cut ? 'cut' : 'ok', length, supervised };
  }

  /** A query with its texts, each of which is cut by itself. */
  #addQuery(example: Example & Query): MadeRows {
    const { maxLength, overlong } = this.options;
    const { line } = example;
    if (!this.tokenizer)
      throw new GraftError(
        'tokenizer-missing',
        `The example on line ${line} is text, and the model folder has no tokenizer.json.`,
        'Add the tokenizer.',
      );
    const { row, cut } = renderQuery(example, this.tokenizer, maxLength);
    this.#checkIds(row);
    const length = longestSequence(row);
    if (cut && overlong === 'drop') {
      this.report.dropped.push(line);
      return { state: 'dropped', length, supervised: 0 };
    }
    if (cut) this.report.cut.push(line);
    this.#add(row, line);
    return { state: cut ? 'cut' : 'ok', length, supervised: 0 };
  }

  /** Appends a document to the previous one; each row starts with the last token of the row before it. */
  #pack(ids: readonly number[], lines: readonly number[], line: number): void {
    const { maxLength } = this.options;
    if (this.#packed.ids.length === 0) this.#packed.line = line;
    for (const id of ids) this.#packed.ids.push(id);
    for (const one of lines) this.#packed.lines.push(one);
    while (this.#packed.ids.length >= maxLength) {
      const { ids: all, lines: on } = this.#packed;
      this.#addText(textRow(all.slice(0, maxLength), 1), this.#packed.line, on.slice(0, maxLength));
      this.#packed = { ids: all.slice(maxLength - 1), lines: on.slice(maxLength - 1), line };
    }
  }

  /** The last row of documents that are laid end to end, which they do not fill. Once, after the last example. */
  finish(): void {
    const { ids, lines, line } = this.#packed;
    this.#packed = { ids: [], lines: [], line: 1 };
    if (ids.length > 1) this.#addText(textRow(ids, 1), line, lines);
  }

  result(): Prepared {
    this.report.notes = [...this.#notes].map(([note, lines]) => ({ note, lines }));
    return { rows: this.rows, report: this.report };
  }
}

/**
 * Makes rows of examples, in their order.
 * @param tokenizer may be missing if all examples are ready token rows.
 * Throws `prepare-length` for a limit below 2, `tokenizer-missing`, `chat-template-missing` and `chat-template`; what is wrong with single
 * examples is in the report. `rows` may be empty, which the caller handles.
 */
export function prepareRows(
  examples: readonly Example[],
  tokenizer: Tokenizer | undefined,
  options: PrepareOptions,
): Prepared {
  const maker = new RowMaker(tokenizer, options);
  for (const example of examples) maker.add(example);
  maker.finish();
  return maker.result();
}
