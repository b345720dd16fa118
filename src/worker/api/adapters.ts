/** Adapters. */
import type { LineageReport } from '../../evaluate/lineage.ts';
import type { StoredAdapter } from '../../storage/records.ts';
import type { OnProgress, Outcome } from './outcome.ts';

export type { LineageReport, StageMeasure, StageRow, StageScore } from '../../evaluate/lineage.ts';

/** A saved adapter, as the library lists it. */
export type AdapterInfo = Omit<StoredAdapter, 'dataOptions' | 'baseWeights' | 'deleted'>;

/** The fields that a person may change. */
export type AdapterChange = Partial<Pick<AdapterInfo, 'name' | 'note' | 'trial'>>;

/** `base` is the model without an adapter, `current` the adapter that is being trained or was trained last. */
export type AdapterChoice = 'base' | 'current' | { readonly id: string };

/** The library of adapters. Stopped, an export or import fails with `worker-aborted` and leaves nothing. */
export interface AdaptersApi {
  listAdapters(): Promise<Outcome<{ readonly adapters: readonly AdapterInfo[] }>>;
  updateAdapter(id: string, change: AdapterChange): Promise<Outcome<{ readonly adapter: AdapterInfo }>>;
  /** Removes it from the library; `restoreAdapter` restores it until the tab is closed, or its space is needed. */
  deleteAdapter(id: string): Promise<Outcome<object>>;
  restoreAdapter(id: string): Promise<Outcome<{ readonly adapter: AdapterInfo }>>;
  /**
   * A zip of a PEFT folder, with a card that says how to load it.
   *
   * @param beside whether the zip contains the bundled base model, if the adapter is for it
   */
  exportAdapter(
    id: string,
    beside: boolean,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly fileName: string; readonly file: Blob }>>;
  /** Every adapter of a PEFT folder, or of a zip of one, for the open model. */
  importAdapter(
    name: string,
    files: readonly File[],
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly adapters: readonly AdapterInfo[] }>>;
  /**
   * The same with a PEFT adapter of the hub, by its id or address. Fails with `hub-…`, and with `file-too-large` before anything is fetched.
   *
   * @param token for gated and private repositories; it goes to the hub only, and is written nowhere
   */
  importFromHub(
    asked: string,
    token: string | undefined,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly adapters: readonly AdapterInfo[] }>>;
  /**
   * Every stage that led to an adapter, and the base model, on the test rows of all of these stages. Stopped, it fails with `worker-aborted`.
   *
   * @param rows of each test part that are asked
   */
  measureLineage(
    id: string,
    rows: number,
    onProgress?: OnProgress,
    signal?: AbortSignal,
  ): Promise<Outcome<{ readonly report: LineageReport }>>;
}
