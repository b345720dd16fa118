/** Events of a run: those of its trainer, and what it does between the steps. Plain data. */
import type {
  CompileEvent,
  EvalEvent,
  LayoutEvent,
  ReferenceEvent,
  RolloutEvent,
  SamplingEvent,
  StepEvent,
  ValidateEvent,
} from '../train/events.ts';

/** The answer to the sample prompt after a step. */
interface SampleEvent {
  readonly type: 'sample';
  readonly step: number;
  readonly text: string;
  /** How long it took. */
  readonly seconds: number;
}

/** The progress of that answer, in tokens. */
interface AnswerEvent {
  readonly type: 'answer';
  readonly step: number;
  readonly done: number;
  /** The most that it can have. */
  readonly total: number;
}

/** The loss on general text after a step, in nats for each token. */
interface GeneralEvent {
  readonly type: 'general';
  readonly step: number;
  readonly loss: number;
}

/** The state after a step is being written, or is stored. */
interface SaveEvent {
  readonly type: 'saving' | 'saved';
  readonly step: number;
}

export type RunEvent =
  | CompileEvent
  | LayoutEvent
  | ReferenceEvent
  | SamplingEvent
  | RolloutEvent
  | StepEvent
  | ValidateEvent
  | EvalEvent
  | SampleEvent
  | AnswerEvent
  | GeneralEvent
  | SaveEvent;
