/** The sizes of a run's micro-batches if its settings were others: of the rows that are open, cut as they would be then. */
import { TEST_FILE } from '../data/parts.ts';
import { rowsOf, type RowSet } from '../data/row-set.ts';
import { splitExamples } from '../data/split.ts';
import { GraftError } from '../errors.ts';
import type { LabelledTokens } from '../model/batch.ts';
import { applyLimit } from '../text/limit.ts';
import { IGNORED } from '../text/trainable.ts';
import { runBuckets, type RunBuckets } from '../train/buckets.ts';
import type { AdviceSettings } from '../train/memory-advice.ts';
import type { TrainOptions } from '../train/options.ts';
import { validationRows } from '../train/order.ts';

export interface Rows {
  readonly train: readonly LabelledTokens[];
  readonly validation: readonly LabelledTokens[];
}

/**
 * @param train the settings as they are
 * @param bosId of the tokenizer that made the rows
 */
export function bucketsOf(
  train: TrainOptions,
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

/** Undefined for a run of more rows than one may take. */
function sizesOf(options: TrainOptions, { train, validation }: Rows): RunBuckets | undefined {
  try {
    return runBuckets(options, train, validationRows(validation));
  } catch (error) {
    if (error instanceof GraftError && error.code === 'train-option') return undefined;
    throw error;
  }
}

/** The open rows as they would be read with another limit; undefined where their file is not open, or none would be left. */
export function rowsCutAt(
  maxLength: number,
  { entries, files, options }: RowSet,
  bosId: number | undefined,
): Rows | undefined {
  if (!files || !options) return undefined;
  const own = entries.filter(({ file, row }) => file !== TEST_FILE && row);
  // Rows that a person left out are split as well, and left out afterwards.
  const cut = own.some(({ example }) => example)
    ? own.flatMap(({ row, part }) => {
        const limited = row && applyLimit(row, maxLength, options.overlong, bosId);
        return limited?.row && limited.supervised > 0
          ? [{ row: limited.row, isUsed: part !== undefined }]
          : [];
      })
    : documentCutAt(
        maxLength,
        own.map(({ row }) => row?.ids ?? []),
      ).map((row) => ({ row, isUsed: true }));
  const split = splitExamples(cut.length, options);
  const pick = (indices: readonly number[]): LabelledTokens[] =>
    indices.flatMap((index) => (cut[index].isUsed ? [cut[index].row] : []));
  const train = pick(split.train);
  return train.length === 0 ? undefined : { train, validation: pick(split.validation) };
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
