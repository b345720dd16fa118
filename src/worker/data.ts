/** The open data: rows for the next run, what was held out, and what a person is told of both. */
import type { Example, Problem } from '../data/example.ts';
import { readExamples } from '../data/formats.ts';
import { prepareRows, type PreparedRow, type PrepareReport } from '../data/prepare.ts';
import { splitExamples } from '../data/split.ts';
import { GraftError } from '../errors.ts';
import type { StoredRows } from '../storage/records.ts';
import { applyLimit } from '../text/limit.ts';
import { renderExample } from '../text/loss-mask.ts';
import { previewRow } from '../text/preview.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { supervisedCount } from '../text/trainable.ts';
import type { DataFile, DataOptions, DataSummary, LossReport, PreviewRow } from './api.ts';
import type { OpenModel } from './model.ts';
import { questionsOf, type Question } from './questions.ts';

type Part = PreviewRow['part'];

interface Place {
  readonly row: PreparedRow;
  readonly part: Part;
  /** What the row was made from; missing where a row is not one example (a document), or after a reload. */
  readonly example?: Example;
}

export interface DataSet {
  readonly name: string;
  /** Where the headless command finds it, if it lies elsewhere than under its name. */
  readonly path?: string;
  /** As it was split: no fraction is tested where the test part is a file of its own. */
  readonly options?: DataOptions;
  /** Whose tokenizer made the rows. */
  readonly modelFingerprint: string;
  readonly places: readonly Place[];
  readonly questions: readonly Question[];
  /** What the base model answers and loses, as far as it was asked: it does not depend on any adapter. */
  readonly base: { answers: string[]; loss?: LossReport };
}

/** Problems that the page gets. */
const SHOWN_PROBLEMS = 100;

export function rowsOf({ places }: DataSet, part: Part): PreparedRow[] {
  return places.filter((place) => place.part === part).map(({ row }) => row);
}

/**
 * Reads, prepares and splits.
 *
 * @param heldOut the test part, whole, instead of a fraction
 * @throws GraftError `data-…`, `json-…`, `split`, `prepare-length`, `chat-template-…`
 */
export function openData(
  { tokenizer, info, fingerprint }: OpenModel,
  file: DataFile,
  options: DataOptions,
  heldOut: DataFile | undefined,
): { data: DataSet; summary: DataSummary } {
  if (options.maxLength > info.maxPositions) {
    throw new GraftError(
      'data-length',
      `Rows of ${options.maxLength} tokens are asked for, and ${info.name} was made for at most ${info.maxPositions}.`,
      `Choose a length of at most ${info.maxPositions}.`,
    );
  }
  const main = readFile(file, tokenizer, info.vocabulary, options);
  const other = heldOut && readFile(heldOut, tokenizer, info.vocabulary, options);
  const split = splitExamples(main.rows.length, {
    validation: options.validation,
    test: other ? 0 : options.test,
    seed: options.seed,
  });
  const parts = new Map<number, Part>([
    ...split.validation.map((index) => [index, 'validation'] as const),
    ...split.test.map((index) => [index, 'test'] as const),
  ]);
  const places = [
    ...main.rows.map((row, index) => main.place(row, parts.get(index) ?? 'train')),
    ...(other ? other.rows.map((row) => other.place(row, 'test')) : []),
  ];
  const test = places.filter(({ part }) => part === 'test');
  const data: DataSet = {
    name: file.name,
    ...(file.path !== undefined && { path: file.path }),
    options: other ? { ...options, test: 0 } : options,
    modelFingerprint: fingerprint,
    places,
    questions: questionsOf(
      test.flatMap(({ example }) => example ?? []),
      tokenizer.chatTemplate !== undefined,
    ),
    base: { answers: [] },
  };
  return { data, summary: summarise(places, main, other, options) };
}

/** A row with every token's text, whether it is learnt from, and where the limit cuts it. @throws GraftError `data-row` */
export function preview({ places, options }: DataSet, index: number, tokenizer: Tokenizer): PreviewRow {
  const place = places[index] as Place | undefined;
  if (!place) {
    throw new GraftError(
      'data-row',
      `There is no row ${index}: the data has ${places.length}.`,
      'Choose a row that is there.',
    );
  }
  const { row, part, example } = place;
  const rendered = example && example.kind !== 'text' ? renderExample(example, tokenizer) : undefined;
  const full = rendered ?? row;
  const limited =
    rendered && options
      ? applyLimit(rendered, options.maxLength, options.overlong, tokenizer.bosId)
      : { row, cut: false, supervised: supervisedCount(row), removed: [] };
  return {
    line: row.line,
    part,
    tokens: previewRow(full, limited, tokenizer).map((token) => ({
      ...token,
      special: tokenizer.isSpecial(token.id),
    })),
  };
}

/** What a run keeps of its data, so that it can go on after a reload. */
export function storedRows(data: DataSet): StoredRows {
  return {
    train: rowsOf(data, 'train'),
    validation: rowsOf(data, 'validation'),
    test: rowsOf(data, 'test'),
    questions: data.questions,
  };
}

/** The data of a run that goes on after a reload. */
export function restoredData(name: string, modelFingerprint: string, rows: StoredRows): DataSet {
  return {
    name,
    modelFingerprint,
    places: (['train', 'validation', 'test'] as const).flatMap((part) =>
      rows[part].map((row) => ({ row, part })),
    ),
    questions: rows.questions,
    base: { answers: [] },
  };
}

interface ReadFile {
  readonly name: string;
  readonly format: string;
  readonly rows: readonly PreparedRow[];
  readonly report: PrepareReport;
  readonly problems: readonly Problem[];
  readonly problemCount: number;
  place(row: PreparedRow, part: Part): Place;
}

function readFile(
  { name, bytes }: DataFile,
  tokenizer: Tokenizer,
  vocabSize: number,
  { maxLength, overlong }: DataOptions,
): ReadFile {
  const { examples, problems, problemCount, format } = readExamples(bytes, { fileName: name });
  const { rows, report } = prepareRows(examples, tokenizer, { maxLength, overlong, vocabSize });
  if (rows.length === 0) {
    const [first] = [...problems, ...report.failed];
    const why = first
      ? `line ${first.line}: ${first.reason}`
      : report.dropped.length > 0
        ? `all are longer than ${maxLength} tokens`
        : 'none has a token to learn from';
    throw new GraftError(
      'data-rows',
      `${name} has no row that can be used; ${why}.`,
      'Use a file of examples: JSONL or JSON with messages, conversations, prompt and completion, instruction and output, or text.',
    );
  }
  const byLine = new Map(examples.map((example) => [example.line, example]));
  return {
    name,
    format,
    rows,
    report,
    problems: [...problems, ...report.failed].sort((a, b) => a.line - b.line),
    problemCount: problemCount + report.failed.length,
    place: (row, part) => ({ row, part, example: byLine.get(row.line) }),
  };
}

function summarise(
  places: readonly Place[],
  main: ReadFile,
  other: ReadFile | undefined,
  { maxLength }: DataOptions,
): DataSummary {
  const count = (part: Part): number => places.filter((place) => place.part === part).length;
  const files = other ? [main, other] : [main];
  const sum = (of: (file: ReadFile) => number): number => files.reduce((total, file) => total + of(file), 0);
  // Lines are those of the first file; what is about the second says so.
  const foreign = other
    ? other.problems.map(({ line, reason }) => ({ line, reason: `${other.name}: ${reason}` }))
    : [];
  return {
    format: main.format,
    rows: { train: count('train'), validation: count('validation'), test: count('test') },
    tokens: sum(({ report }) => report.tokens),
    supervisedTokens: sum(({ report }) => report.supervisedTokens),
    longest: places.reduce((longest, { row }) => Math.max(longest, row.ids.length), 0),
    problems: [...main.problems, ...foreign].slice(0, SHOWN_PROBLEMS),
    problemCount: sum((file) => file.problemCount),
    cut: main.report.cut,
    dropped: main.report.dropped,
    unsupervised: main.report.unsupervised,
    notes: [...main.report.notes, ...(other ? notesOf(other, maxLength) : [])],
  };
}

function notesOf({ name, report }: ReadFile, maxLength: number): { note: string; lines: number[] }[] {
  return [
    { note: `${name}: rows longer than ${maxLength} tokens were cut.`, lines: report.cut },
    { note: `${name}: rows longer than ${maxLength} tokens were dropped.`, lines: report.dropped },
    { note: `${name}: rows without a supervised token were left out.`, lines: report.unsupervised },
    ...report.notes.map(({ note, lines }) => ({ note: `${name}: ${note}`, lines })),
  ].filter(({ lines }) => lines.length > 0);
}
