/** Rows, as a list and as tokens. */
import type { ListedRow, RowQuery } from '../../data/row-list.ts';
import type { PreviewRow } from '../../data/row-set.ts';
import type { Distribution } from '../../data/distribution.ts';
import type { EpochStatistics } from '../../runs/epoch-statistics.ts';
import type { FormSpec } from '../../settings/spec.ts';
import type { OnProgress, Outcome } from './outcome.ts';

export type { Distribution, PartCounts } from '../../data/distribution.ts';
export type { EpochStatistics } from '../../runs/epoch-statistics.ts';

export type { ListedRow, RowQuery, RowSort } from '../../data/row-list.ts';
export type { PreviewRow, RowToken, RowState } from '../../data/row-set.ts';

/** The rows of the open data. */
export interface RowsApi {
  /**
   * A window of the list of rows, in the order of their files: the rows, more rows, test rows of their own. A search in a large file takes its time:
   * other calls are answered meanwhile, and stopped, it fails with `worker-aborted`.
   *
   * @param addTokens texts that the next run adds as tokens, with which rows are counted
   */
  listRows(
    query: RowQuery,
    addTokens?: readonly string[],
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly total: number; readonly rows: readonly ListedRow[] }>>;
  /**
   * How the open rows are distributed, and what a pass of a run over them computes. Stopped, it fails with `worker-aborted`.
   *
   * @returns no `epoch` if the run's objective cannot learn from these rows
   */
  rowStatistics(
    options: FormSpec,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly distribution: Distribution; readonly epoch?: EpochStatistics }>>;
  /**
   * @param at a row of the list; a bad one has no tokens and fails with `data-row`
   * @param addTokens texts that the next run adds as tokens; what cannot be one is refused when the run starts, and leaves the row as the base reads it
   */
  previewRow(at: number, addTokens?: readonly string[]): Promise<Outcome<{ readonly row: PreviewRow }>>;
}
