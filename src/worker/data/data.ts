/** The open rows with the base model's answers, and the data of a run. */
import { ROWS_FILE } from '../../data/parts.ts';
import type { UsedEntry, RowSet } from '../../data/row-set.ts';
import type { AnswersByPrompt, KnownModel } from '../../evaluate/open-eval-model.ts';
import type { StoredRows, StoredRun } from '../../storage/records.ts';
import type { BaseKnows } from '../evaluation/general-text.ts';
import { longestSequence, supervisedCount } from '../../text/trainable.ts';

export { rowsOf, type UsedEntry } from '../../data/row-set.ts';

export interface DataSet extends RowSet {
  /** What the base model was measured by, on the general text as well. No adapter changes it; other types of the base weights do. */
  readonly base: KnownModel & {
    knows?: BaseKnows;
    /** Its answers after prompts. */
    prompted?: AnswersByPrompt;
  };
}

/** Rows without answers so far. */
export const unasked = (rows: RowSet): DataSet => ({
  ...rows,
  base: { answers: new Map(), losses: new Map() },
});

/** The data of a run that is resumed after a reload. */
export function restoredData(
  { dataName, data }: Pick<StoredRun, 'dataName' | 'data'>,
  modelContent: string,
  rows: StoredRows,
): DataSet {
  const places = (['train', 'validation', 'test'] as const).flatMap((part) =>
    rows[part].map((row): UsedEntry => ({
      file: ROWS_FILE,
      line: row.line,
      state: 'ok',
      row,
      part,
      length: longestSequence(row),
      supervised: supervisedCount(row),
    })),
  );
  return {
    name: dataName,
    ...(data && { ref: data }),
    modelContent,
    entries: places,
    places,
    repeated: new Map(),
    leaked: new Map(),
    questions: rows.questions,
    base: { answers: new Map(), losses: new Map() },
  };
}
