/**
 * The rows of a file that is too large to hold. Of each row some numbers are held, in typed arrays; its example is read again from the file, and its
 * tokens are made again, when they are asked for.
 */
import { WordCache } from '../text/tokenizer-cache.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { longestSequence, type Task } from '../text/trainable.ts';
import type { Example } from './example.ts';
import { smallNumbers, wholeNumbers } from './number-column.ts';
import type { Part } from './parts.ts';
import type { PreferenceMarks } from './preference-marks.ts';
import { RowMaker, type MadeRows, type PreparedRow, type PrepareOptions } from './prepare.ts';
import { questionsOf } from './questions.ts';
import { ColumnNames, LabelNumbers } from './row-columns.ts';
import { identityOfHashes, type Hashes } from './row-hashes.ts';
import type { RowIndex } from './row-index.ts';
import type { Entry, RowState } from './row-set.ts';

/** Made rows that are kept: a run looks at those of its first steps before it takes them. */
const KEPT_ROWS = 4096;

const STATES = ['ok', 'cut', 'dropped', 'unsupervised', 'bad'] as const satisfies readonly RowState[];

/** What of a row does not depend on its words. */
export interface RowShape {
  /** Tokens after the limit, and those of its longest sequence. */
  readonly tokens: number;
  readonly longest: number;
  /** As in a row of tokens, which has places of its own where its sequences start. */
  readonly starts?: readonly number[];
  readonly desirable?: boolean;
  readonly asks?: true;
  readonly texts?: true;
}

type Kind = Omit<RowShape, 'tokens' | 'longest'>;
/** Kinds of rows by their numbers; 0 is no row. */
const KINDS: readonly (Kind | undefined)[] = [
  undefined,
  {},
  { starts: [] },
  { desirable: true },
  { desirable: false },
  { asks: true },
  { texts: true },
];

const kindNumber = ({ starts, desirable, asks, texts }: PreparedRow): number =>
  texts ? 6 : asks ? 5 : desirable !== undefined ? (desirable ? 3 : 4) : starts ? 2 : 1;

export class LargeRows {
  readonly #states = smallNumbers();
  readonly #kinds = smallNumbers();
  /** Questions of its example. */
  readonly #questions = smallNumbers();
  readonly #lengths = wholeNumbers();
  readonly #supervised = wholeNumbers();
  readonly #tokens = wholeNumbers();
  readonly #longest = wholeNumbers();
  readonly #labels = new LabelNumbers();
  readonly #columns = new ColumnNames();
  readonly #reasons = new Map<number, string>();
  readonly #made = new WordCache<PreparedRow, number>(KEPT_ROWS);
  #last: { readonly row: number; readonly example: Example } | undefined;

  constructor(
    readonly index: RowIndex,
    private readonly tokenizer: Tokenizer | undefined,
    private readonly options: PrepareOptions,
  ) {}

  /** The next row. @param row that was made of it, if one was @param reason why none can be */
  add(
    example: Example,
    { state, length, supervised }: MadeRows,
    row: PreparedRow | undefined,
    reason: string | undefined,
  ): void {
    if (reason !== undefined) this.#reasons.set(this.#states.length, reason);
    this.#states.push(STATES.indexOf(state === 'failed' ? 'bad' : state));
    this.#kinds.push(row ? kindNumber(row) : 0);
    this.#questions.push(questionsOf([example], false).length);
    this.#lengths.push(length);
    this.#supervised.push(supervised);
    this.#tokens.push(row?.ids.length ?? 0);
    this.#longest.push(row ? longestSequence(row) : 0);
    this.#labels.add(example);
    this.#columns.add(example);
  }

  /** The same rows by another tokenizer. @param pause awaited after each row @throws GraftError `data-changed`, and what `pause` throws */
  async madeAgain(
    tokenizer: Tokenizer,
    options: PrepareOptions,
    pause: () => Promise<void> | undefined,
  ): Promise<LargeRows> {
    const rows = new LargeRows(this.index, tokenizer, options);
    for (let at = 0; at < this.index.length; at++) {
      rows.addMade(this.index.exampleOf(at), new RowMaker(tokenizer, options));
      await pause();
    }
    return rows;
  }

  /** The next row, made of its example. */
  addMade(example: Example, maker: RowMaker): void {
    const made = maker.add(example);
    const [row] = maker.rows.splice(0);
    const isBad = made.state === 'failed';
    this.add(
      example,
      made,
      row as PreparedRow | undefined,
      isBad ? maker.report.failed.at(-1)?.reason : undefined,
    );
  }

  stateOf(row: number): RowState {
    return STATES[this.#states.at(row)];
  }

  lengthOf(row: number): number {
    return this.#lengths.at(row);
  }

  supervisedOf(row: number): number {
    return this.#supervised.at(row);
  }

  hasQuestion(row: number): boolean {
    return this.#questions.at(row) > 0;
  }

  isMade(row: number): boolean {
    return this.#kinds.at(row) > 0;
  }

  /** @returns undefined for a row without tokens */
  shapeOf(row: number): RowShape | undefined {
    const kind = KINDS[this.#kinds.at(row)];
    return kind && { ...kind, tokens: this.#tokens.at(row), longest: this.#longest.at(row) };
  }

  reasonOf(row: number): string | undefined {
    return this.#reasons.get(row);
  }

  /** As `labelOf`, with one text for all answers that are no labels. */
  labelOf(row: number): string | undefined {
    return this.#labels.at(row);
  }

  /** Names of its columns (`columnNames`). */
  get columns(): readonly string[] {
    return this.#columns.all;
  }

  /** @throws GraftError `data-changed` if the file has another row there now */
  exampleOf(row: number): Example {
    if (this.#last?.row !== row) this.#last = { row, example: this.index.exampleOf(row) };
    return this.#last.example;
  }

  /** @returns undefined for a row without tokens @throws GraftError as {@link exampleOf} */
  rowOf(row: number): PreparedRow | undefined {
    if (!this.isMade(row)) return undefined;
    const known = this.#made.get(row);
    if (known) return known;
    const maker = new RowMaker(this.tokenizer, this.options);
    maker.add(this.exampleOf(row));
    const [made] = maker.rows;
    this.#made.put(row, made);
    return made;
  }
}

/** What of a row of a large file is not as in its file. */
type Own = Partial<Pick<Entry, 'file' | 'state' | 'part' | 'change' | 'held' | 'drawn' | 'deleted'>> & {
  readonly task?: Task | undefined;
  /** Set if the answer counts as desirable without a label. */
  readonly desirable?: true;
};
type Marks = Pick<Own, 'change' | 'held' | 'drawn' | 'deleted' | 'task' | 'desirable'>;

/** A row of a large file in a list of rows. Its fields are read as they are asked for, so it is changed with {@link with} and not copied. */
export class LargeEntry implements Entry {
  readonly #own: RowState | undefined;
  readonly #marks: Marks | undefined;

  constructor(
    readonly of: LargeRows,
    readonly at: number,
    readonly file: number,
    state?: RowState,
    readonly part?: Part,
    marks?: Marks,
  ) {
    this.#own = state;
    this.#marks = marks;
  }

  /** The same row with other fields. */
  with({ file = this.file, state = this.#own, ...others }: Own): LargeEntry {
    const part = 'part' in others ? others.part : this.part;
    const { part: _, ...own } = others;
    const marks = Object.values(own).some((value) => value !== undefined)
      ? { ...this.#marks, ...own }
      : this.#marks;
    return new LargeEntry(this.of, this.at, file, state, part, marks);
  }

  /** The same row of rows that another tokenizer made; as it was if that makes none. */
  madeBy(rows: LargeRows): LargeEntry {
    return rows.isMade(this.at)
      ? new LargeEntry(rows, this.at, this.file, this.state, this.part, this.#marks)
      : this;
  }

  /** Itself: rows that are held have none. */
  get large(): this {
    return this;
  }

  get line(): number {
    return this.of.index.lineOf(this.at);
  }

  get state(): RowState {
    return this.#own ?? this.of.stateOf(this.at);
  }

  get length(): number {
    return this.of.lengthOf(this.at);
  }

  get supervised(): number {
    return this.of.supervisedOf(this.at);
  }

  get isMade(): boolean {
    return this.of.isMade(this.at);
  }

  get shape(): RowShape | undefined {
    const shape = this.of.shapeOf(this.at);
    return shape && this.#marks?.desirable ? { ...shape, desirable: true } : shape;
  }

  get example(): Example {
    return this.of.exampleOf(this.at);
  }

  get row(): PreparedRow | undefined {
    const row = this.of.rowOf(this.at);
    if (!row || !this.#marks) return row;
    const { task, desirable } = this.#marks;
    return { ...row, ...(task && { task }), ...(desirable && { desirable }) };
  }

  get identity(): string | undefined {
    return this.isMade ? identityOfHashes(this.hashes) : undefined;
  }

  get hashes(): Hashes {
    return this.of.index.hashesOf(this.at);
  }

  get preference(): PreferenceMarks {
    return this.of.index.marksOf(this.at);
  }

  get hasQuestion(): boolean {
    return this.of.hasQuestion(this.at);
  }

  /** As `labelOf`, with one text for all answers that are no labels. */
  get label(): string | undefined {
    return this.of.labelOf(this.at);
  }

  get reason(): string | undefined {
    return this.of.reasonOf(this.at);
  }

  get task(): Task | undefined {
    return this.#marks?.task;
  }

  get change(): Entry['change'] {
    return this.#marks?.change;
  }

  get held(): Part | undefined {
    return this.#marks?.held;
  }

  get drawn(): Example | undefined {
    return this.#marks?.drawn;
  }

  get deleted(): true | undefined {
    return this.#marks?.deleted;
  }
}
