/** Files → the open data: read, made into rows, split, and told. In slices, since a file may have a hundred thousand rows. */
import type { Example, LeftList, Numbering, Problem } from '../data/example.ts';
import { ExampleReader } from '../data/formats.ts';
import { RowMaker, type PrepareReport } from '../data/prepare.ts';
import { splitExamples } from '../data/split.ts';
import { GraftError } from '../errors.ts';
import { supervisedCount } from '../text/trainable.ts';
import type { DataFile, DataOptions, DataSummary, Part } from './api.ts';
import { isPlace, type DataSet, type Entry, type Place } from './data.ts';
import type { OpenModel } from './model.ts';
import { nothingUsable } from './nothing-usable.ts';
import { questionsOf } from './questions.ts';
import { versionOf } from './projects.ts';
import { findRepeated } from './repeated.ts';
import type { Slices } from './slices.ts';
import { summarise } from './summary.ts';

/** A file's rows in its order, not yet split. */
export interface OpenFile {
  /** Of its bytes and of everything that its rows depend on: equal for equal rows. */
  readonly key: string;
  readonly name: string;
  readonly format: string;
  readonly entries: readonly Entry[];
  readonly report: PrepareReport;
  readonly problems: readonly Problem[];
  readonly problemCount: number;
  readonly numbering: Numbering;
  readonly left: readonly LeftList[];
}

/**
 * Reads, prepares and splits. Rows that are open already and only split otherwise are not made again.
 *
 * @param before the data that is open
 * @param heldOut the test part, whole, instead of a fraction
 * @throws GraftError `data-…` (`data-too-long` with the longest), `json-…`, `split`, `prepare-length`, `chat-template-…`, `worker-aborted`
 */
export async function openData(
  model: OpenModel,
  file: DataFile,
  options: DataOptions,
  heldOut: DataFile | undefined,
  slices: Slices,
  before?: DataSet,
): Promise<{ data: DataSet; summary: DataSummary }> {
  const { tokenizer, info, content } = model;
  if (options.maxLength > info.maxPositions) {
    throw new GraftError(
      'data-length',
      `Rows of ${options.maxLength} tokens are asked for, and ${info.name} was made for at most ${info.maxPositions}.`,
      `Choose a length of at most ${info.maxPositions}.`,
    );
  }
  const settings: DataOptions = heldOut ? { ...options, test: 0 } : options;
  const known = before?.files ?? [];
  const main = await openFile(file, model, settings, slices, known);
  const other = heldOut && (await openFile(heldOut, model, settings, slices, known));
  const pause = async (): Promise<void> => {
    if (slices.due) await slices.pause({ what: 'comparing', done: 0, total: main.entries.length });
  };
  await pause();
  const entries = splitEntries(main.entries, settings);
  for (const entry of other?.entries ?? [])
    entries.push({ ...entry, heldOut: true, ...(entry.row && { part: 'test' as const }) });
  const places = entries.filter(isPlace);
  const test = places.filter(({ part }) => part === 'test');
  await pause();
  const questions = questionsOf(examplesOf(test), tokenizer.chatTemplate !== undefined);
  await pause();
  const data: DataSet = {
    name: file.name,
    ...(file.path !== undefined && { path: file.path }),
    options: settings,
    modelContent: content,
    files: other ? [main, other] : [main],
    entries,
    places,
    ...(await findRepeated(entries, slices)),
    questions,
    base: { answers: new Map() },
  };
  await pause();
  return { data, summary: summarise(data, main, other) };
}

export const examplesOf = (places: readonly Place[]): Example[] =>
  places.flatMap(({ example }) => example ?? []);

/** Gives every row that is used its part, by a seeded shuffle of those rows alone: as the headless command does. */
function splitEntries(entries: readonly Entry[], { validation, test, seed }: DataOptions): Entry[] {
  const used = entries.filter(({ row }) => row !== undefined).length;
  const split = splitExamples(used, { validation, test, seed });
  const parts = new Map<number, Part>([
    ...split.validation.map((index) => [index, 'validation'] as const),
    ...split.test.map((index) => [index, 'test'] as const),
  ]);
  let index = 0;
  return entries.map((entry) => (entry.row ? { ...entry, part: parts.get(index++) ?? 'train' } : entry));
}

async function openFile(
  file: DataFile,
  { tokenizer, info, content }: OpenModel,
  { maxLength, overlong, mapping, header, delimiter }: DataOptions,
  slices: Slices,
  known: readonly OpenFile[],
): Promise<OpenFile> {
  const { name, bytes } = file;
  const version = await versionOf(file, undefined);
  const key = JSON.stringify([version, name, content, maxLength, overlong, mapping, header, delimiter]);
  const same = known.find((open) => open.key === key);
  if (same) return same;
  const reader = new ExampleReader(bytes, { fileName: name, mapping, header, delimiter });
  for (const share of reader.read())
    if (slices.due)
      await slices.pause({ what: 'reading', done: Math.round(share * bytes.length), total: bytes.length });
  const { examples, problems, problemCount, numbering, left, format } = reader.result();
  const { unmapped } = reader;
  if (unmapped) throw unmapped;

  const maker = new RowMaker(tokenizer, { maxLength, overlong, vocabSize: info.vocabulary });
  const entries: Entry[] = [];
  await slices.each('preparing', examples, (example) => {
    for (const entry of makeEntries(maker, example)) entries.push(entry);
  });
  const { rows, report } = maker.result();
  if (rows.length === 0) {
    throw nothingUsable({
      name,
      entries,
      problems: [...problems, ...report.failed],
      problemCount: problemCount + report.failed.length,
      numbering,
      options: { maxLength, overlong },
      maxPositions: info.maxPositions,
    });
  }
  const bad = problems.map(({ line, reason }): Entry => ({ ...NOTHING, line, reason }));
  return {
    key,
    name,
    format,
    // Both are in the file's order already; a stable sort keeps the rows of a document in theirs.
    entries: bad.length > 0 ? [...entries, ...bad].sort((a, b) => a.line - b.line) : entries,
    report,
    problems: [...problems, ...report.failed].sort((a, b) => a.line - b.line),
    problemCount: problemCount + report.failed.length,
    numbering,
    left,
  };
}

const NOTHING = { heldOut: false, state: 'bad', length: 0, supervised: 0 } as const;

/** The rows that an example becomes: one, or those of a document. */
function makeEntries(maker: RowMaker, example: Example): Entry[] {
  const before = maker.rows.length;
  const { state, length, supervised } = maker.add(example);
  const { line } = example;
  if (state === 'failed') return [{ ...NOTHING, line, example, reason: maker.report.failed.at(-1)?.reason }];
  if (example.kind === 'text' && example.document) {
    return maker.rows.slice(before).map((row) => ({
      line,
      heldOut: false,
      state: 'ok',
      row,
      length: row.ids.length,
      supervised: supervisedCount(row),
    }));
  }
  const row = maker.rows.length > before ? maker.rows[before] : undefined;
  return [{ line, heldOut: false, state, row, example, length, supervised }];
}
