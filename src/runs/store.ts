/** The store of a run: files for the command, the browser's database for the page, memory for tests. */
import type { GraftError } from '../errors.ts';
import type { List } from '../lists.ts';
import type { LabelledTokens } from '../model/batch.ts';
import type { NamedArrays, TrainerState } from '../train/state.ts';
import type { RunEvent } from './events.ts';

export interface RunRows {
  /** Those of a large file are made as they are taken. */
  readonly train: List<LabelledTokens>;
  readonly validation: List<LabelledTokens>;
}

/** The events so far, from before this visit as well. */
export interface LossCurve {
  readonly steps: readonly { readonly step: number; readonly loss: number }[];
  /** The one at step 0 is the base model's. */
  readonly evals: readonly { readonly step: number; readonly loss: number }[];
  readonly samples: readonly { readonly step: number; readonly text: string }[];
}

/** The result of a run. */
export interface Learned {
  /** Steps done. */
  readonly step: number;
  /** By PEFT name; by the model's own names if all weights were trained. */
  readonly tensors: NamedArrays;
  readonly bestEvalLoss: number | undefined;
}

/** How a run ends with a result: `stopped` by request, `failed` with a loss that was not finite. */
export type Ending = 'done' | 'stopped' | 'failed';

export interface Store {
  /** As of the last event. */
  readonly curve: LossCurve;
  /** Why an event could not be kept. The run then pauses as soon as possible, and {@link settle} throws it. */
  readonly failure?: GraftError;
  /** Takes every event before any other listener. It must not throw: the next step is on the GPU by then. */
  hear(event: RunEvent): void;
  /** Makes sure that all events are kept. Called whenever the trainer pauses. @throws {@link failure} */
  settle(): Promise<void>;
  /**
   * Keeps the state from which the run can be resumed.
   *
   * @param rows which never change: a store that keeps them does so with the first state
   * @param status whether the run continues at once
   */
  state(state: TrainerState, rows: RunRows, status: 'running' | 'paused'): Promise<void>;
  /** Keeps the result. After `done` and `stopped` the states are not needed any more. */
  result(learned: Learned, ending: Ending): Promise<void>;
}
