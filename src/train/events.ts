/** Events of a trainer. Plain data, which cross to the page unchanged. */
import type { ObjectiveReport } from '../objectives/objective.ts';
import type { TaskLosses } from './tasks.ts';

export interface CompileEvent {
  readonly type: 'compile';
  /** How many pipelines are compiled, of all that the first plans need. */
  readonly done: number;
  readonly total: number;
}

/** How the rows of a run are laid out, if what repeats in them is worth sharing. Known before the first step. */
export interface LayoutEvent {
  readonly type: 'layout';
  /** Tokens of the rows. */
  readonly tokens: number;
  /** Those without the copies of shared prefixes. */
  readonly computed: number;
  /** Whether only these are computed; otherwise why not. */
  readonly sharing: 'shared' | 'dropout' | 'differs';
  /** The difference between the two layouts, as a share of the largest number, if it is too large. */
  readonly difference?: number;
}

/** The progress of the reference policy, in rows. */
export interface ReferenceEvent {
  readonly type: 'reference';
  /** Computed before the first step. */
  readonly step: 0;
  readonly done: number;
  readonly total: number;
}

/** The progress of sampling for a step, in answers. */
export interface SamplingEvent {
  readonly type: 'sampling';
  /** The current step, from 1. */
  readonly step: number;
  readonly done: number;
  readonly total: number;
}

/** The answers of the last group of a step, before anything is learned from them. */
export interface RolloutEvent {
  readonly type: 'rollout';
  /** Counts from 1. */
  readonly step: number;
  readonly prompt: string;
  /** The answer in the row. */
  readonly wanted: string;
  /** Names of the rewards, in the order of the parts. */
  readonly rewards: readonly string[];
  /** Names of the numbers that rewards show without counting them; missing in runs of earlier versions. */
  readonly shown?: readonly string[];
  readonly answers: readonly SampledAnswer[];
}

export interface SampledAnswer {
  readonly text: string;
  readonly tokens: number;
  /** Whether it was cut at the limit. */
  readonly cut: boolean;
  readonly reward: number;
  /** The score of each reward, before its weight. */
  readonly parts: readonly number[];
  /** The numbers next to them, in the order of their names. */
  readonly shown?: readonly number[];
  readonly advantage: number;
  /** Why a reward failed on it, which counts as 0; missing if none did. */
  readonly problem?: string;
}

export interface StepEvent {
  readonly type: 'step';
  /** Counts from 1. */
  readonly step: number;
  readonly steps: number;
  /** The loss of the objective: for sft the mean cross-entropy over the step's supervised tokens, in nats. */
  readonly loss: number;
  /** Reports of the objective next to it. */
  readonly report?: ObjectiveReport;
  /** In a mixture, the losses of the tasks in this step. */
  readonly tasks?: TaskLosses;
  readonly lr: number;
  /** Global L2 norm of the gradient before clipping. */
  readonly gradNorm: number;
  readonly supervisedTokens: number;
  /** Tokens of the step's rows, prompts included. */
  readonly tokens: number;
  /** Those without the copies of shared prefixes; missing if the run shares none. */
  readonly computedTokens?: number;
  /** Since the previous step, pauses excluded. */
  readonly seconds: number;
  readonly tokensPerSecond: number;
  /** An estimate from the recent steps, with the validations that are still to come. */
  readonly secondsLeft: number;
  /** Bytes of all buffers on the device. */
  readonly gpuBytes: number;
}

/** The progress of a validation. */
export interface ValidateEvent {
  readonly type: 'validate';
  readonly step: number;
  /** Rows. */
  readonly done: number;
  readonly total: number;
  /** Time until all rows are measured; missing until known. */
  readonly seconds?: number;
  /** Time left for the whole run, this validation included; undefined until a step was timed. */
  readonly secondsLeft?: number;
}

export interface EvalEvent {
  readonly type: 'eval';
  readonly step: number;
  /** The loss of the objective over the validation rows. */
  readonly loss: number;
  readonly report?: ObjectiveReport;
  /** In a mixture the loss of each task. */
  readonly tasks?: TaskLosses;
  readonly best: boolean;
}

interface StatusEvent {
  readonly type: 'status';
  readonly status: TrainerStatus;
}

/** `stopped`: ended early, and what was learned is kept. `cancelled`: ended, nothing is kept. */
export type TrainerStatus = 'ready' | 'running' | 'paused' | 'done' | 'stopped' | 'cancelled' | 'failed';

export type TrainEvent =
  | CompileEvent
  | LayoutEvent
  | ReferenceEvent
  | SamplingEvent
  | RolloutEvent
  | StepEvent
  | ValidateEvent
  | EvalEvent
  | StatusEvent;
