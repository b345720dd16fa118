/** Adapters. */
import type { DataRef } from './data.ts';
import type { Outcome } from './outcome.ts';

/** A saved adapter, as the library lists it. */
export interface AdapterInfo {
  readonly id: string;
  readonly name: string;
  readonly note: string;
  readonly baseModel: string;
  readonly rank: number;
  readonly alpha: number;
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
  /** Removes it from the library; `restoreAdapter` brings it back until the tab is closed. */
  deleteAdapter(id: string): Promise<Outcome<object>>;
  restoreAdapter(id: string): Promise<Outcome<{ readonly adapter: AdapterInfo }>>;
  /** A zip of a PEFT folder with model card. */
  exportAdapter(
    id: string,
  ): Promise<Outcome<{ readonly fileName: string; readonly bytes: Uint8Array<ArrayBuffer> }>>;
  /** A PEFT folder, or a zip of one, for the open model. */
  importAdapter(name: string, files: readonly File[]): Promise<Outcome<{ readonly adapter: AdapterInfo }>>;
}
