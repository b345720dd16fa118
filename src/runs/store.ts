/** Where a run keeps what it makes: files for the command, the browser's database for the page, memory for tests. */
import type { GraftError } from '../errors.ts';
import type { LabelledTokens } from '../model/batch.ts';
import type { NamedArrays, TrainerState } from '../train/state.ts';
import type { RunEvent } from './events.ts';

export interface RunRows {
  readonly train: readonly LabelledTokens[];
  readonly validation: readonly LabelledTokens[];
}

/** What happened so far, before this visit as well. */
export interface Curve {
  readonly steps: readonly { readonly step: number; readonly loss: number }[];
  /** The one at step 0 is the base model's. */
  readonly evals: readonly { readonly step: number; readonly loss: number }[];
  readonly samples: readonly { readonly step: number; readonly text: string }[];
}

/** What a run leaves. */
export interface Learned {
  /** Steps done. */
  readonly step: number;
  /** By PEFT name; by the model's own names where all weights were trained. */
  readonly tensors: NamedArrays;
  readonly bestEvalLoss: number | undefined;
}

/** How a run ends with a result: `stopped` was asked to, `failed` is a loss that was not finite. */
export type Ending = 'done' | 'stopped' | 'failed';

export interface Store {
  /** As of the last event. */
  readonly curve: Curve;
  /** Why an event could not be kept. The run then rests as soon as it can, and {@link settle} throws it. */
  readonly failure?: GraftError;
  /** Hears every event before anybody else. It must not throw: the next step is on the GPU by then. */
  hear(event: RunEvent): void;
  /** Makes sure that what was heard is kept. Called whenever the trainer rests. @throws {@link failure} */
  settle(): Promise<void>;
  /**
   * Keeps what the run goes on from.
   *
   * @param rows which never change: a store that keeps them does so with the first state
   * @param status whether the run goes on at once
   */
  state(state: TrainerState, rows: RunRows, status: 'running' | 'paused'): Promise<void>;
  /** Keeps what was learned. After `done` and `stopped` the states are needed no more. */
  result(learned: Learned, ending: Ending): Promise<void>;
}
