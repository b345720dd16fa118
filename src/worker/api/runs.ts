/** Training runs. */
import type { Forgetting } from '../../evaluate/forgetting.ts';
import type { ObjectiveReport } from '../../objectives/objective.ts';
import type { Recipe } from '../../settings/recipe.ts';
import type { RolloutEvent } from '../../train/events.ts';
import type { Reading } from '../../train/reading.ts';
import type { TaskLosses } from '../../train/tasks.ts';
import type { DataRef } from './data.ts';
import type { WeightChoices } from './models.ts';
import type { Failure, Outcome } from './outcome.ts';
import type { FormSpec } from '../../settings/spec.ts';

export type { FormSpec } from '../../settings/spec.ts';
export type { Reading, ReadingKind } from '../../train/reading.ts';

export type { RolloutEvent, SampledAnswer } from '../../train/events.ts';
export type { CurveWords, ObjectiveReport, Reported, RowKind } from '../../objectives/objective.ts';

export type RunStatus = 'ready' | 'running' | 'paused' | 'done' | 'stopped' | 'cancelled' | 'failed';

export interface StepPoint {
  readonly step: number;
  readonly steps: number;
  /** The loss of the objective: for supervised runs a mean over the supervised tokens, in nats. */
  readonly loss: number;
  /** Reports of the objective next to it. */
  readonly report?: ObjectiveReport;
  /** In a mixture the losses of the tasks that the step had rows of, by name. */
  readonly tasks?: TaskLosses;
  readonly lr: number;
  readonly gradNorm: number;
  readonly supervisedTokens: number;
  readonly seconds: number;
  readonly tokensPerSecond: number;
  readonly secondsLeft: number;
  readonly gpuBytes: number;
}

/** The phase of a run between its steps, or before the first one. */
export type RunPhase =
  /** Rows of validation that are measured; at step 0 with the untouched adapter. */
  | {
      readonly kind: 'validating';
      readonly step: number;
      readonly done: number;
      readonly total: number;
      /** Seconds until all of them are measured; missing until it is known. */
      readonly seconds?: number;
    }
  /** Tokens of the answer to the sample prompt, of as many as it has at most. */
  | { readonly kind: 'answering'; readonly step: number; readonly done: number; readonly total: number }
  | { readonly kind: 'saving'; readonly step: number }
  /** Answers that are sampled for the current step, of all; with a fraction for those under way. */
  | { readonly kind: 'sampling'; readonly step: number; readonly done: number; readonly total: number }
  /** Batches read, or singular vectors found, for the adapter's initial values. */
  | {
      readonly kind: 'starting';
      readonly step: number;
      readonly what: 'reading' | 'vectors';
      readonly done: number;
      readonly total: number;
      readonly seconds?: number;
    }
  /** Rows that the reference policy was asked for, before the first step. */
  | { readonly kind: 'reference'; readonly step: number; readonly done: number; readonly total: number };

/** A validation: the objective's loss on held-out rows, and its reports. */
export interface EvalPoint {
  readonly step: number;
  readonly loss: number;
  readonly report?: ObjectiveReport;
  readonly tasks?: TaskLosses;
}

export interface SamplePoint {
  readonly step: number;
  readonly text: string;
  /** Whether it is the reference answer; missing if no row says so. */
  readonly right?: boolean;
}

export type RunUpdate =
  | ({ readonly type: 'step' } & StepPoint)
  /** Something else uses the device: the run starts after it. */
  | { readonly type: 'wait' }
  | { readonly type: 'compile'; readonly done: number; readonly total: number }
  /** The phase lasts until the next event. `secondsLeft` is of the whole run, once a step has been timed. */
  | { readonly type: 'phase'; readonly phase: RunPhase; readonly secondsLeft?: number }
  /** At step 0 it is the base model's. */
  | ({ readonly type: 'eval'; readonly best: boolean } & EvalPoint)
  /** The loss on general text after a step. */
  | { readonly type: 'general'; readonly step: number; readonly loss: number }
  | ({ readonly type: 'sample'; readonly prompt: string } & SamplePoint)
  /** The peak GPU memory since it began or was resumed here, with everything that this tab has on the GPU; bytes. */
  | { readonly type: 'memory'; readonly taken: number }
  /** The reading of the curve so far. */
  | { readonly type: 'reading'; readonly reading: Reading }
  /** Answers that a step learns from: those of its last group. */
  | RolloutEvent
  | { readonly type: 'checkpoint'; readonly id: string; readonly step: number }
  | { readonly type: 'status'; readonly status: RunStatus; readonly failure?: Failure };

/** What a run does in another tab, in order. */
export interface RunNews {
  readonly id: string;
  readonly events: readonly RunUpdate[];
}

/** A run in a list, without its curve. */
export interface RunSummary {
  readonly id: string;
  readonly projectId: string;
  readonly options: FormSpec;
  readonly baseModel: string;
  /** Whether that model came with the app. */
  readonly bundled: boolean;
  /** The types of its weights. */
  readonly baseWeights: WeightChoices;
  readonly dataName: string;
  readonly data?: DataRef;
  readonly status: RunStatus;
  readonly created: number;
  /** Steps done. */
  readonly step: number;
  /** Smoothed, at the last step. */
  readonly trainingLoss?: number;
  /** The lowest validation of the adapter. */
  readonly bestEval?: { readonly step: number; readonly loss: number };
  /** The reading of its curve. */
  readonly reading?: Reading;
  /** The answer of a row to the sample prompt, if a row has this prompt. */
  readonly wanted?: string;
  /** The kept model that it made, if all weights were trained. */
  readonly keptModel?: string;
  /** The sweep that it belongs to. */
  readonly sweep?: string;
  /** The peak GPU memory, in bytes; missing in earlier versions. */
  readonly takenBytes?: number;
  /** The measurement of forgetting, before the run and with its result. */
  readonly forgetting?: Forgetting;
  /** Whether it can be resumed from a checkpoint in storage. */
  readonly resumable: boolean;
  /** The headless command that repeats it. */
  readonly command: string;
  /** Its settings, and how its rows were read and split, without its files. */
  readonly recipe: Recipe;
}

/** A kept run: settings, curve, events. */
export interface RunRecord extends RunSummary {
  readonly steps: readonly StepPoint[];
  /** The one at step 0 is the base model's. */
  readonly evals: readonly EvalPoint[];
  readonly samples: readonly SamplePoint[];
  /** The last group of answers that it learned from, if it samples them. */
  readonly rollout?: RolloutEvent;
}

/** Training. */
export interface RunsApi {
  /** Trains until done, paused, stopped or cancelled. Events come while it runs. */
  startRun(
    options: FormSpec,
    onEvent: (event: RunUpdate) => void,
  ): Promise<Outcome<{ readonly run: RunRecord }>>;
  /** Resumes a paused run, or one from storage after a reload. */
  resumeRun(id: string, onEvent: (event: RunUpdate) => void): Promise<Outcome<{ readonly run: RunRecord }>>;
  /** Pauses without waiting for the end of a validation. A run that is being resumed and has no new step yet stays as it was. */
  pauseRun(): Promise<void>;
  /** Ends the run and keeps the result as an adapter. */
  stopRun(): Promise<void>;
  /** Ends the run and keeps nothing. One that is being compiled does not start: `startRun` fails with `run-cancelled`. */
  cancelRun(): Promise<void>;
  /** Ends a run that is paused, here or in storage only: `stop` keeps its adapter, `cancel` its curve only. */
  endRun(id: string, how: 'stop' | 'cancel'): Promise<Outcome<{ readonly run: RunRecord }>>;
  /** The newest first, without their curves. */
  listRuns(): Promise<Outcome<{ readonly runs: readonly RunSummary[] }>>;
  /** A run with its curve. */
  readRun(id: string): Promise<Outcome<{ readonly run: RunRecord }>>;
  deleteRun(id: string): Promise<Outcome<object>>;
  /**
   * Calls back when another tab has saved, paused, ended or deleted a run, or when one that trained has closed: the kept records may have changed.
   * In between, while another tab trains, it calls back with what the run does there. The call does not end: callbacks of an ended call are ignored.
   */
  watchTabs(onChange: (news?: RunNews) => void): Promise<never>;
}
