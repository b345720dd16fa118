/** Rows, as a list and as tokens. */
import type { Part } from '../../data/parts.ts';
import type { Preview, PreviewToken as TextToken } from '../../text/preview.ts';
import type { Outcome } from './outcome.ts';

/** How a row fares; only `ok` and `cut` are used. A person left `skipped` out; a `copy` teaches what another row does. */
export type RowState = 'ok' | 'cut' | 'dropped' | 'unsupervised' | 'skipped' | 'copy' | 'bad';

export interface RowQuery {
  readonly part?: Part;
  /** `repeated`: equal to an earlier row; `leaked`: held out and trained on as well. */
  readonly state?: RowState | 'repeated' | 'leaked';
  /** Anywhere in the row, capitals aside. */
  readonly text?: string;
  /** The window of the list that is wanted. */
  readonly from: number;
  readonly count: number;
}

export interface ListedRow {
  /** For {@link RowsApi.previewRow}. */
  readonly at: number;
  /** Place of its file in `DataSummary.files`. */
  readonly file: number;
  readonly line: number;
  readonly part?: Part;
  readonly state: RowState;
  readonly repeated: boolean;
  readonly leaked: boolean;
  /** Before the limit, and how many of them are used and learnt from. */
  readonly tokens: number;
  readonly kept: number;
  readonly supervised: number;
  /** How it begins, or why it is bad. */
  readonly text: string;
}

export interface PreviewToken extends TextToken {
  readonly special: boolean;
}

export interface PreviewRow extends Preview<PreviewToken> {
  /** Place of its file in `DataSummary.files`. */
  readonly file: number;
  readonly line: number;
  /** Whether it is one example: parts of a document are not left out by themselves. */
  readonly single: boolean;
  readonly state: RowState;
  readonly part?: Part;
  /** Of a pair: where the rejected answer's sequence begins. */
  readonly starts?: readonly number[];
}

/** The rows of the open data. */
export interface RowsApi {
  /** A window of the list of rows, in the order of their files: the rows, more rows, test rows of their own. */
  listRows(
    query: RowQuery,
  ): Promise<Outcome<{ readonly total: number; readonly rows: readonly ListedRow[] }>>;
  /** @param at a row of the list; a bad one has no tokens and fails with `data-row` */
  previewRow(at: number): Promise<Outcome<{ readonly row: PreviewRow }>>;
}
