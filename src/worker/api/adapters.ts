/** Adapters. */
import type { DataRef } from './data.ts';
import type { OnProgress, Outcome } from './outcome.ts';

/** A saved adapter, as the library lists it. */
export interface AdapterInfo {
  readonly id: string;
  readonly name: string;
  readonly note: string;
  readonly baseModel: string;
  /** The kind of adapter; LoRA if left out. */
  readonly kind?: string;
  /** Missing where the kind has none. */
  readonly rank?: number;
  readonly alpha?: number;
  readonly targets: readonly string[];
  readonly parameters: number;
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly projectId: string;
  /** The run that made it, if it was made here. */
  readonly runId?: string;
  readonly finalLoss?: number;
  /** What it was trained on, if it was made here. */
  readonly data?: DataRef;
}

/** `base` is the model without an adapter, `current` the one that is being trained or was trained last. */
export type AdapterChoice = 'base' | 'current' | { readonly id: string };

/** The library of adapters. */
export interface AdaptersApi {
  listAdapters(): Promise<Outcome<{ readonly adapters: readonly AdapterInfo[] }>>;
  updateAdapter(
    id: string,
    change: { readonly name?: string; readonly note?: string },
  ): Promise<Outcome<{ readonly adapter: AdapterInfo }>>;
  /** Removes it from the library; `restoreAdapter` brings it back from storage until the tab is closed, or its room is needed. */
  deleteAdapter(id: string): Promise<Outcome<object>>;
  restoreAdapter(id: string): Promise<Outcome<{ readonly adapter: AdapterInfo }>>;
  /**
   * A zip of a PEFT folder, with a card that says how to load it.
   *
   * @param beside whether the bundled base model comes along, if the adapter is for it
   */
  exportAdapter(
    id: string,
    beside: boolean,
    onProgress?: OnProgress,
  ): Promise<Outcome<{ readonly fileName: string; readonly file: Blob }>>;
  /** A PEFT folder, or a zip of one, for the open model. */
  importAdapter(
    name: string,
    files: readonly File[],
    onProgress?: OnProgress,
  ): Promise<Outcome<{ readonly adapter: AdapterInfo }>>;
  /** Ends exports and imports of adapters: they fail with `worker-aborted`, and nothing of them is kept. */
  stopAdapters(): Promise<void>;
}
