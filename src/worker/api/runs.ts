/** Training runs. */
import type { Forgetting } from '../../evaluate/forgetting.ts';
import type { ObjectiveReport } from '../../objectives/objective.ts';
import type { Recipe } from '../../settings/recipe.ts';
import type { RunOptions } from '../../runs/run-options.ts';
import type { RolloutEvent } from '../../train/events.ts';
import type { Reading } from '../../train/reading.ts';
import type { TaskLosses } from '../../train/tasks.ts';
import type { DataRef } from './data.ts';
import type { BaseWeights } from './models.ts';
import type { Failure, Outcome } from './outcome.ts';

export type { RunOptions } from '../../runs/run-options.ts';
export type { Reading, ReadingKind } from '../../train/reading.ts';

export type { RolloutEvent, SampledAnswer } from '../../train/events.ts';
export type { CurveWords, ObjectiveReport, Reported, RowKind } from '../../objectives/objective.ts';

export type RunStatus = 'ready' | 'running' | 'paused' | 'done' | 'stopped' | 'cancelled' | 'failed';

export interface StepPoint {
  readonly step: number;
  readonly steps: number;
  /** The loss of the objective: for supervised runs a mean over the supervised tokens, in nats. */
  readonly loss: number;
  /** What the objective reports beside it. */
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

/** What a run does between its steps, or before the first one. */
export type RunPhase =
  /** Rows of validation that are measured; at step 0 with the untouched adapter. */
  | {
      readonly kind: 'validating';
      readonly step: number;
      readonly done: number;
      readonly total: number;
      /** Until all of them are measured; missing until it is known. */
      readonly seconds?: number;
    }
  /** Tokens of the answer to the sample prompt, of as many as it has at most. */
  | { readonly kind: 'answering'; readonly step: number; readonly done: number; readonly total: number }
  | { readonly kind: 'saving'; readonly step: number }
  /** Answers that are sampled for the step that is being made, of all; a part of one while they are under way. */
  | { readonly kind: 'sampling'; readonly step: number; readonly done: number; readonly total: number }
  /** Rows that the reference policy was asked for, before the first step. */
  | { readonly kind: 'reference'; readonly step: number; readonly done: number; readonly total: number };

/** A validation: the objective's loss on rows that are not trained on, and what it reports of them. */
export interface EvalPoint {
  readonly step: number;
  readonly loss: number;
  readonly report?: ObjectiveReport;
  readonly tasks?: TaskLosses;
}

export interface SamplePoint {
  readonly step: number;
  readonly text: string;
  /** Whether it is the answer that is wanted; missing where no row says what that is. */
  readonly right?: boolean;
}

export type RunEvent =
  | ({ readonly type: 'step' } & StepPoint)
  /** Something else has the GPU: the run begins after it. */
  | { readonly type: 'wait' }
  | { readonly type: 'compile'; readonly done: number; readonly total: number }
  /** It does this until the next event. `secondsLeft` is of the whole run, once a step has been timed. */
  | { readonly type: 'phase'; readonly phase: RunPhase; readonly secondsLeft?: number }
  /** At step 0 it is the base model's. */
  | ({ readonly type: 'eval'; readonly best: boolean } & EvalPoint)
  /** The loss on general text after a step. */
  | { readonly type: 'general'; readonly step: number; readonly loss: number }
  | ({ readonly type: 'sample'; readonly prompt: string } & SamplePoint)
  /** The most GPU memory that was taken since it began or went on here, with all that this tab has on the GPU; bytes. */
  | { readonly type: 'memory'; readonly taken: number }
  /** What the curve says so far. */
  | { readonly type: 'reading'; readonly reading: Reading }
  /** Answers that a step learns from: those of its last group. */
  | RolloutEvent
  | { readonly type: 'checkpoint'; readonly step: number }
  | { readonly type: 'status'; readonly status: RunStatus; readonly failure?: Failure };

/** A run as lists tell it, without its curve. */
export interface RunSummary {
  readonly id: string;
  readonly projectId: string;
  readonly options: RunOptions;
  readonly baseModel: string;
  /** Whether that came with the app. */
  readonly bundled: boolean;
  /** How that was held. */
  readonly baseWeights: BaseWeights;
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
  /** What its curve says. */
  readonly reading?: Reading;
  /** The answer that a row gives to the prompt of the samples, where a row asks just that. */
  readonly wanted?: string;
  /** The model that it left among those that this browser keeps, where all weights were trained. */
  readonly keptModel?: string;
  /** The most GPU memory that it took, in bytes; missing from before that was kept. */
  readonly takenBytes?: number;
  /** What is forgotten, before the run and with what it left. */
  readonly forgetting?: Forgetting;
  /** Whether a checkpoint lies in storage from which it can go on. */
  readonly resumable: boolean;
  /** The command that repeats it headless. */
  readonly command: string;
  /** Its settings, and how its rows were read and split, without its files. */
  readonly recipe: Recipe;
}

/** A run as it is kept: settings, curve, events. */
export interface RunRecord extends RunSummary {
  readonly steps: readonly StepPoint[];
  /** The one at step 0 is the base model's. */
  readonly evals: readonly EvalPoint[];
  readonly samples: readonly SamplePoint[];
  /** The last group of answers that it learned from, where it samples them. */
  readonly rollout?: RolloutEvent;
}

/** Training. */
export interface RunsApi {
  /** Trains until done, paused, stopped or cancelled. Events come while it runs. */
  startRun(
    options: RunOptions,
    onEvent: (event: RunEvent) => void,
  ): Promise<Outcome<{ readonly run: RunRecord }>>;
  /** Goes on with a paused run, or with one from storage after a reload. */
  resumeRun(id: string, onEvent: (event: RunEvent) => void): Promise<Outcome<{ readonly run: RunRecord }>>;
  /** Does not wait for the end of a validation. A run that is being resumed and has no new step yet stays as it was. */
  pauseRun(): Promise<void>;
  /** Ends the run and keeps what was learned as an adapter. */
  stopRun(): Promise<void>;
  /** Ends the run and keeps nothing. One that is being compiled does not begin: `startRun` fails with `run-cancelled`. */
  cancelRun(): Promise<void>;
  /** Ends a run that is paused, here or in storage only: `stop` keeps its adapter, `cancel` its curve only. */
  endRun(id: string, how: 'stop' | 'cancel'): Promise<Outcome<{ readonly run: RunRecord }>>;
  /** The newest first, without their curves. */
  listRuns(): Promise<Outcome<{ readonly runs: readonly RunSummary[] }>>;
  /** A run with its curve. */
  readRun(id: string): Promise<Outcome<{ readonly run: RunRecord }>>;
  deleteRun(id: string): Promise<Outcome<object>>;
  /**
   * Tells when another tab has saved, paused, ended or deleted a run, or when one that trained has closed: what is kept may be another then.
   * It does not end: a call that has ended is not heard any more.
   */
  watchTabs(onChange: () => void): Promise<never>;
}
