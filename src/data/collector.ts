/** Collects rows as examples, or as problems with their reasons. */
import { isObject, jsonDepth, MAX_JSON_DEPTH, type JsonObject } from '../json.ts';
import type { ExampleContent } from '../text/trainable.ts';
import type { Example, LeftList, Numbering, Problem, RowFault } from './example.ts';
import { taskColumns, formatOfRow, KNOWN_FIELDS } from './formats/known.ts';
import { ANSWER_NAMES, listOfColumns } from './columns.ts';
import { BadRow, refuseRepeated } from './formats/row.ts';
import { columnsOf, compileMapping, type Mapping } from './mapping.ts';
import { UnusedColumns, type FoundColumns, type UnusedColumn } from './unused.ts';

/** The most problems that are listed; the rest are counted. */
const MAX_PROBLEMS = 1000;

export interface ReadResult {
  examples: Example[];
  /** The first thousand, in the file's order. */
  problems: Problem[];
  /** All bad rows. */
  problemCount: number;
  numbering: Numbering;
  /** Lists of a JSON file that were not read. */
  left: readonly LeftList[];
  /** Columns of the rows that no example uses. */
  unused: readonly UnusedColumn[];
  /** Set if no line of a text file is one that should end a document. */
  unbordered?: true;
  /** `messages`, `sharegpt`, `tokens`, `completion`, `alpaca`, `pairs`, `unpaired`, `text`, `document` (a text file), `prompts`, `mapped`, `mixed`, or `none`. */
  format: string;
}

/** Whether a text has more than this many opening brackets: most rows have a few, and need no look at every character. */
function hasMany(text: string, max: number): boolean {
  let count = 0;
  for (const bracket of '{[')
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1))
      if (++count > max) return true;
  return false;
}

/** The value of one row's JSON. @throws BadRow */
export function objectOf(text: string): JsonObject {
  if (hasMany(text, MAX_JSON_DEPTH) && jsonDepth(text, MAX_JSON_DEPTH) > MAX_JSON_DEPTH)
    throw new BadRow(`the row is nested more than ${MAX_JSON_DEPTH} levels deep`);
  let value: unknown;
  try {
    value = JSON.parse(text) as unknown;
  } catch (error) {
    throw new BadRow(syntaxReason(text, error));
  }
  if (!isObject(value)) throw new BadRow('the row is not an object with fields');
  refuseRepeated(text, value);
  return value;
}

const NO_ANSWER = 'it has a prompt and no answer, but other rows have answers';

/** How the reason starts for a row that needs a mapping. */
export const NO_KNOWN_FIELDS = 'no known fields';

/** Characters of a bad row that are searched for the reason. */
const LOOKED_AT_CHARS = 2 ** 16;

function syntaxReason(text: string, error: unknown): string {
  // An unclosed string ends with the row: otherwise each of its escaped quotes would be tried as a start.
  const outside = text.slice(0, LOOKED_AT_CHARS).replace(/"(?:[^"\\]|\\(?:.|$))*(?:"|$)/gs, '""');
  const bare = /(?:^|[[,:\s])(NaN|-?Infinity|None|True|False|undefined)\b/.exec(outside);
  if (bare) return `not valid JSON: ${bare[1]} is not a value that JSON has`;
  if (/\}\s*,\s*$/.test(outside)) return 'not valid JSON: a comma follows the row';
  if (/^\s*\{\s*'/.test(outside)) return 'not valid JSON: single quotes, but JSON has double ones';
  const key = /[{,]\s*([A-Za-z_]\w*)\s*:/.exec(outside);
  if (key) return `not valid JSON: the key ${key[1]} has no double quotes`;
  return `not valid JSON: ${error instanceof Error ? error.message : String(error)}`;
}

/** The row that an example was made of: its text and its bytes (or characters, if the file was decoded), or in a file of which no part is a row its fields. */
export interface SourceRow {
  readonly text?: string | undefined;
  readonly start?: number;
  readonly length?: number;
  read?(): JsonObject;
}

export type TakeExample = (example: Example, source: SourceRow | undefined) => void;

/** What was collected in a section of a file: plain values, which another thread can send. Lines are counted from its first. */
export interface Collected {
  readonly count: number;
  readonly unknownRows: number;
  readonly problems: readonly Problem[];
  readonly problemCount: number;
  /** Lines of prompts without answers. */
  readonly prompts: readonly number[];
  readonly formats: readonly string[];
  readonly unused: FoundColumns;
}

export class Collector {
  examples: Example[] = [];
  /** Examples, kept here or taken. */
  count = 0;
  /** The row that is being read. */
  source: SourceRow | undefined;
  readonly problems: Problem[] = [];
  problemCount = 0;
  numbering: Numbering = 'line';
  left: readonly LeftList[] = [];
  unbordered = false;
  /** Rows whose fields are of no known format. */
  unknownRows = 0;
  readonly #formats = new Set<string>();
  /** Lines of prompts without answers, if examples are taken. */
  readonly #prompts: number[] = [];
  readonly #mapped: ((row: JsonObject, line: number) => ExampleContent) | undefined;
  readonly #columns: readonly string[];
  readonly #unused = new UnusedColumns();

  /**
   * @param keepsColumns whether an example keeps the columns that it does not use
   * @param mostProblems the most that are listed
   * @param unanswered the answer of a row that names no passages and has an empty answer
   * @param take takes the examples, which are not kept here then; prompts without answers among them may turn out to be mistakes
   */
  constructor(
    mapping?: Mapping,
    private readonly keepsColumns = false,
    private readonly take?: TakeExample,
    private readonly mostProblems = MAX_PROBLEMS,
    private readonly unanswered?: string,
  ) {
    this.#mapped = mapping && compileMapping(mapping);
    this.#columns = mapping ? columnsOf(mapping) : [];
  }

  problem(line: number, reason: string, fault?: RowFault): void {
    this.problemCount++;
    if (this.problems.length < this.mostProblems)
      this.problems.push({ line, reason, ...(fault !== undefined && { fault }) });
  }

  example(line: number, example: ExampleContent, format: string, notes: readonly string[] = []): void {
    // Nothing else holds the content: copies of a million of them take a second.
    const whole: Example = Object.assign(example, notes.length > 0 ? { line, notes } : { line });
    this.count++;
    if (!this.take) this.examples.push(whole);
    else {
      if (whole.kind === 'prompt') this.#prompts.push(line);
      this.take(whole, this.source);
    }
    this.#formats.add(example.kind === 'prompt' ? 'prompts' : format);
  }

  /** One row; `make` may throw BadRow. */
  row(line: number, make: () => JsonObject): void {
    try {
      const row = this.#answered(make());
      if (this.#mapped) {
        this.example(line, this.#withColumns(this.#mapped(row, line), row, this.#columns), 'mapped');
        this.#unused.add(row, this.#columns, true);
        return;
      }
      const format = formatOfRow(row);
      if (!format) {
        this.#unknown(line, row);
        return;
      }
      const example = this.#withColumns(format.read(row), row, format.fields);
      this.example(line, example, format.name, format.notes?.(row));
      this.#unused.add(row, format.fields, false);
    } catch (error) {
      if (!(error instanceof BadRow)) throw error;
      this.problem(line, error.message, error.fault);
    }
  }

  /** A row that says by its empty list of passages that its empty answer is meant. */
  #answered(row: JsonObject): JsonObject {
    const { unanswered } = this;
    if (unanswered === undefined || !Array.isArray(row.passages) || row.passages.length > 0) return row;
    const empty = ANSWER_NAMES.filter((name) => row[name] === '');
    return { ...row, ...Object.fromEntries(empty.map((name) => [name, unanswered])) };
  }

  #withColumns(
    example: ExampleContent,
    row: JsonObject,
    used: readonly string[],
  ): ExampleContent & Pick<Example, 'columns'> {
    if (!this.keepsColumns) return example;
    const left = Object.entries(row).filter(([name]) => !used.includes(name));
    return left.length > 0 ? { ...example, columns: Object.fromEntries(left) } : example;
  }

  #unknown(line: number, row: JsonObject): void {
    this.unknownRows++;
    const beside = row['text'] === undefined ? [] : taskColumns(Object.keys(row));
    if (beside.length > 0) {
      this.problem(
        line,
        `it has a text next to ${listOfColumns(beside)}: say which column is the answer, or that the text is all that is learned`,
      );
      return;
    }
    const fields = Object.keys(row)
      .slice(0, 8)
      .map((field) => field.slice(0, 40));
    this.problem(
      line,
      `${NO_KNOWN_FIELDS} (it has ${fields.join(', ') || 'none'}); known are ${KNOWN_FIELDS}`,
    );
  }

  /** What was collected of rows whose examples were taken. */
  get collected(): Collected {
    const { count, unknownRows, problems, problemCount } = this;
    return {
      ...{ count, unknownRows, problems, problemCount },
      prompts: this.#prompts,
      formats: [...this.#formats],
      unused: this.#unused.found,
    };
  }

  /** Adds what was collected of the rows behind those that are here. @param before lines before the section */
  append(section: Collected, before: number): void {
    this.count += section.count;
    this.unknownRows += section.unknownRows;
    this.problemCount += section.problemCount;
    for (const problem of section.problems.slice(0, this.mostProblems - this.problems.length))
      this.problems.push({ ...problem, line: before + problem.line });
    for (const line of section.prompts) this.#prompts.push(before + line);
    for (const format of section.formats) this.#formats.add(format);
    this.#unused.append(section.unused);
  }

  /** Among rows with answers a row without one is a mistake and is dropped; a file with only prompts is for rewards. */
  #refuseStrayPrompts(): void {
    const isStray = ({ kind }: Example): boolean => kind === 'prompt';
    const stray = this.take ? this.#prompts : this.examples.filter(isStray).map(({ line }) => line);
    if (stray.length === 0 || stray.length === this.count) return;
    this.examples = this.examples.filter((example) => !isStray(example));
    for (const line of stray) this.problem(line, NO_ANSWER, 'no-answer');
    this.problems.sort((a, b) => a.line - b.line);
    this.#formats.delete('prompts');
  }

  result(): ReadResult {
    this.#refuseStrayPrompts();
    const [format = 'none', ...others] = this.#formats;
    const { examples, problems, problemCount, numbering, left } = this;
    return {
      ...{ examples, problems, problemCount, numbering, left },
      unused: this.#unused.result(),
      format: others.length ? 'mixed' : format,
      ...(this.unbordered && { unbordered: true as const }),
    };
  }
}
