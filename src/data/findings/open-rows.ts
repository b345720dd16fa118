/** The check of the rows that the page has open, by the rules of `graft check`. Rows are named by their places in the page's list. */
import { UNSTABLE_NOTE } from '../../text/chat-spans.ts';
import { changed, isHeld, type List } from '../../lists.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import type { Example } from '../example.ts';
import { TEST_FILE, type Skipped } from '../parts.ts';
import { isTextDocument, isUsedEntry, type Entry, type RowSet } from '../row-set.ts';
import type { RowPlace } from '../summary.ts';
import { checking, findingOf } from './check.ts';
import type { Checked, CheckRow, CheckTokens, Finding, FindingId, Found, RowTokens } from './finding.ts';
import { specialsOf, tokensOfRow, tokensOnce, type TokenOptions } from './row-tokens.ts';
import { unwritableIn } from './tokens.ts';

/** A finding with its rows as places in the list of rows, and as lines that can be left out. */
export interface PlacedFinding extends Omit<Finding, 'rows'> {
  /** Rows of it; 0 for a finding about a whole file. */
  readonly count: number;
  /** The first of them, with the reason of each that cannot be read. */
  readonly places: readonly (RowPlace & { readonly reason?: string })[];
  /** Lines of those that are used, by file: leaving them out ends the finding. */
  readonly lines: Skipped;
  /** How many of them are used, and how many of these are trained on. */
  readonly used: number;
  readonly trained: number;
  /** The note of a reading (`DataSummary.notes`) that says the same. */
  readonly note?: string;
}

export interface CheckedRows {
  readonly findings: readonly PlacedFinding[];
  /** All rows of each finding, in ascending order. */
  readonly rows: ReadonlyMap<FindingId, readonly number[]>;
}

/** The tokenizer of the open model, and the rows of its embedding. */
export interface CheckModel {
  readonly tokenizer: Tokenizer;
  readonly vocabulary: number;
}

/** Pauses of long work: other work runs in them, and may stop it. */
export interface CheckPauses {
  /** Whether it is time to pause. */
  readonly due: boolean;
  /** @throws what ends the work */
  pause(progress: {
    readonly what: 'checking';
    readonly done: number;
    readonly total: number;
  }): Promise<void>;
}

/** The first rows of a finding, which are listed by name. */
const LISTED = 100;

/**
 * @param model left out if none is open: then nothing about tokens is found
 * @throws GraftError `chat-template-budget`, `tokenizer-pattern`, and what ends a pause
 */
export async function checkOpenRows(
  data: RowSet,
  model: CheckModel | undefined,
  pauses: CheckPauses,
): Promise<CheckedRows> {
  const rows = checkRowsOfSet(data, ({ file }) => file !== TEST_FILE);
  const test = checkRowsOfSet(data, ({ file }) => file === TEST_FILE);
  // Rendering the rows is about as much work as all rules together.
  const total = (model && isHeld(rows) ? 2 : 1) * rows.length;
  const pause = (done: number): Promise<void> => pauses.pause({ what: 'checking', done, total });
  const tokens = model && (await tokensOf(data, rows, model, pauses, pause));
  const checked: Checked = {
    rows,
    ...(test.length > 0 && { test }),
    held: new Set(heldIn(data)),
    testFraction: data.options?.test ?? 0,
    ...(tokens && { tokens }),
  };
  const check = checking(checked);
  const before = total - rows.length;
  let step = check.next();
  for (; step.done !== true; step = check.next())
    if (pauses.due) await pause(before + Math.floor(step.value * rows.length));
  const findings = step.value;
  return {
    findings: findings.map((finding) => placed(finding, data.entries)),
    rows: new Map(findings.map(({ id, rows: found }) => [id, found])),
  };
}

/** What of the answers a model cannot write, as a finding. @param rows with such an answer @param of all rows that were looked at */
export const unwritableFinding = (
  rows: readonly number[],
  of: number,
  words: string,
  entries: readonly Entry[],
): PlacedFinding => placed(findingOf('unwritable-characters', [unwritableIn({ rows, words }, of)]), entries);

/** A finding that was measured apart from the check, with its rows as places in the list. */
export const placedFound = (found: Found, entries: readonly Entry[]): PlacedFinding =>
  placed(findingOf(found.id, [found]), entries);

/** The rows that are trained on and validated. */
export const learnedRows = (data: RowSet): List<CheckRow> =>
  checkRowsOfSet(data, ({ part }) => part === 'train' || part === 'validation');

/** Places of the rows that are held out for the test, of files that are no test rows of their own. */
const heldIn = ({ entries }: RowSet): number[] =>
  entries.flatMap(({ part, file }, row) => (part === 'test' && file !== TEST_FILE ? [row] : []));

/**
 * The rows that are not left out. A document is one row, named by its first place; rows of large files are read as they are asked for.
 *
 * @param isOf whether a row belongs to them
 */
function checkRowsOfSet({ entries, files }: RowSet, isOf: (entry: Entry) => boolean): List<CheckRow> {
  const documents = new Map<string, Example>();
  files?.forEach((file, at) => {
    for (const example of file?.documents ?? []) documents.set(`${at}:${example.line}`, example);
  });
  const heldRow = ({ file, line, example, reason, fault }: Entry, row: number): CheckRow | undefined => {
    if (example && !isTextDocument(example)) return { row, example };
    const key = `${file}:${line}`;
    const document = documents.get(key);
    documents.delete(key);
    if (document) return { row, example: document };
    return reason === undefined ? undefined : { row, ...(fault !== undefined && { fault }) };
  };
  // Of a row of a large file its place.
  const rows = entries.flatMap((entry, row): (CheckRow | number)[] => {
    const { state, large } = entry;
    if (state === 'skipped' || state === 'copy' || state === 'capped' || !isOf(entry)) return [];
    const one = large ? row : heldRow(entry, row);
    return one === undefined ? [] : [one];
  });
  return rows.every((row) => typeof row === 'object')
    ? rows
    : changed({ length: rows.length, at: (at) => rows.at(at) }, (row) =>
        typeof row === 'object' ? row : largeRow(row, entries),
      );
}

/** A row of a large file, which is read when its example is asked for. */
const largeRow = (row: number, entries: readonly Entry[]): CheckRow => ({
  row,
  get example() {
    return entries[row].example!;
  },
});

async function tokensOf(
  { options, entries }: RowSet,
  rows: List<CheckRow>,
  { tokenizer, vocabulary }: CheckModel,
  pauses: CheckPauses,
  pause: (done: number) => Promise<void>,
): Promise<CheckTokens | undefined> {
  if (!options) return undefined;
  const { maxLength, overlong } = options;
  const how: TokenOptions = { maxLength, overlong, vocabSize: vocabulary, now: new Date() };
  // Nothing is kept of the tokens of large files: each rule asks in the order of the rows.
  if (!isHeld(rows)) {
    const get = tokensOnce(
      (row) => entries[row].example,
      (example) => tokensOfRow(example, tokenizer, how),
    );
    return { rows: { get }, maxLength, ...specialsOf(tokenizer) };
  }
  const made = new Map<number, RowTokens>();
  for (const [done, { row, example }] of rows.entries()) {
    if (example) made.set(row, tokensOfRow(example, tokenizer, how));
    if (pauses.due) await pause(done + 1);
  }
  return { rows: made, maxLength, ...specialsOf(tokenizer) };
}

function placed({ rows, ...finding }: Finding, entries: readonly Entry[]): PlacedFinding {
  const used = rows.map((at) => entries[at]).filter(isUsedEntry);
  const lines: number[][] = [];
  for (const { file, line } of used) {
    while (lines.length <= file) lines.push([]);
    lines[file].push(line);
  }
  return {
    ...finding,
    count: rows.length,
    places: rows.slice(0, LISTED).map((at) => {
      const { file, line, reason } = entries[at];
      return { at, file, line, ...(reason !== undefined && { reason }) };
    }),
    lines,
    used: used.length,
    trained: used.filter(({ part }) => part === 'train').length,
    ...(finding.id === 'unstable-template' && { note: UNSTABLE_NOTE }),
  };
}
