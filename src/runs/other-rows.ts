/** The sizes of a run's micro-batches with other settings, from the open rows as these settings cut them. */
import { divideRows, ROWS_FILE, tasksOfRows, TEST_FILE, type Part } from '../data/parts.ts';
import { rowsOf, type RowSet } from '../data/row-set.ts';
import { GraftError } from '../errors.ts';
import type { LabelledTokens } from '../model/batch.ts';
import { applyLimit } from '../text/limit.ts';
import { IGNORED } from '../text/trainable.ts';
import { runBuckets, type RunBuckets } from '../train/buckets.ts';
import type { AdviceSettings } from '../train/memory-advice.ts';
import { validationRows } from '../train/order.ts';
import type { RunSpec } from '../settings/spec.ts';

export interface Rows {
  readonly train: readonly LabelledTokens[];
  readonly validation: readonly LabelledTokens[];
}

/**
 * @param train the current settings
 * @param bosId of the tokenizer that made the rows
 */
export function bucketsOf(
  train: RunSpec,
  data: RowSet,
  bosId: number | undefined,
): NonNullable<AdviceSettings['bucketsOf']> {
  const rows = new Map<number, Rows | undefined>();
  const buckets = new Map<string, RunBuckets | undefined>();
  const rowsAt = (maxLength: number): Rows | undefined => {
    if (maxLength === train.maxLength)
      return { train: rowsOf(data, 'train'), validation: rowsOf(data, 'validation') };
    if (!rows.has(maxLength)) rows.set(maxLength, rowsCutAt(maxLength, data, bosId));
    return rows.get(maxLength);
  };
  return ({ batch, accumulate, maxLength }) => {
    const key = [batch, accumulate, maxLength].join();
    if (!buckets.has(key)) {
      const found = rowsAt(maxLength);
      buckets.set(key, found && sizesOf({ ...train, batch, accumulate, maxLength }, found));
    }
    return buckets.get(key);
  };
}

/** Undefined for a run of too many rows. */
function sizesOf(options: RunSpec, { train, validation }: Rows): RunBuckets | undefined {
  try {
    return runBuckets(options, train, validationRows(validation));
  } catch (error) {
    if (error instanceof GraftError && error.code === 'train-option') return undefined;
    throw error;
  }
}

/** The open rows read with another limit; undefined if their file is not open, or no row would be left. */
export function rowsCutAt(
  maxLength: number,
  { entries, files, heldOut, options }: RowSet,
  bosId: number | undefined,
): Rows | undefined {
  if (!files || !options) return undefined;
  const own = entries.filter(({ file, row }) => file !== TEST_FILE && row);
  // Rows that a person left out are split as well, and left out afterwards.
  const cut = own.some(({ example }) => example)
    ? own.flatMap(({ file, row, part }) => {
        const limited = row && applyLimit(row, maxLength, options.overlong, bosId);
        return limited?.row && limited.supervised > 0
          ? [{ file, row: limited.row, isUsed: part !== undefined }]
          : [];
      })
    : documentCutAt(
        maxLength,
        own.map(({ row }) => row?.ids ?? []),
      ).map((row) => ({ file: ROWS_FILE, row, isUsed: true }));
  if (!cut.some((one) => one.isUsed)) return undefined;
  const { validation, test, seed, mixture } = options;
  const placed = cut.map(({ file }, line) => ({ file, line }));
  // The fates of rows are known; with separate test rows the first task keeps all of its rows.
  const asked = { validation, test, seed, ...(mixture && { mixture: { ...mixture, cap: undefined } }) };
  const fates = divideRows([...placed, ...(heldOut ? [{ file: TEST_FILE, line: 0 }] : [])], asked);
  const used = fates.slice(0, placed.length).map((fate, at) => (cut[at].isUsed ? fate : 'skipped'));
  if (mixture?.tasks.some(({ file }) => !placed.some((one, at) => one.file === file && used[at] === 'train')))
    return undefined;
  const tasks = tasksOfRows(placed, used, asked.mixture);
  const pick = (part: Part): LabelledTokens[] =>
    cut.flatMap(({ row }, at) => (used[at] === part ? [tasks[at] ? { ...row, task: tasks[at] } : row] : []));
  const train = pick('train');
  return train.length === 0 ? undefined : { train, validation: pick('validation') };
}

/** A text file is one document, whose rows begin with the last token of the one before. */
function documentCutAt(maxLength: number, rows: readonly (readonly number[])[]): LabelledTokens[] {
  const ids = rows.flatMap((row, at) => (at > 0 ? row.slice(1) : row));
  const cut: LabelledTokens[] = [];
  for (let start = 0; start < ids.length - 1; start += maxLength - 1) {
    const row = ids.slice(start, start + maxLength);
    cut.push({ ids: row, labels: row.map((id, t) => (t === 0 ? IGNORED : id)) });
  }
  return cut;
}
