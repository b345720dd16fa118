import type { MemoryAdvice } from '../../runs/run-memory.ts';

/** A failure of the worker, in the words of a GraftError. */
export interface Failure {
  /** `worker-no-webgpu`, `worker-insecure`, or the engine's own code. */
  readonly code: string;
  readonly what: string;
  readonly remedy: string;
  /** With `data-too-long`: tokens of the longest row. */
  readonly longest?: number;
  /** With `train-tokens`: what to change, best first. */
  readonly advice?: readonly MemoryAdvice[];
}

export type Outcome<T> = ({ readonly ok: true } & T) | ({ readonly ok: false } & Failure);

/** Long work: `done` of `total`, in bytes, rows, pipelines, examples, documents or chunks as `what` says. `done` may have a part of one. */
export interface Progress {
  readonly what:
    | 'hashing'
    | 'reading'
    | 'keeping'
    | 'packing'
    | 'exporting'
    | 'preparing'
    | 'comparing'
    | 'loading'
    | 'compiling'
    | 'checking'
    | 'searching'
    | 'counting'
    | 'measuring'
    | 'answering'
    | 'evaluating'
    | 'dividing'
    | 'embedding'
    | 'indexing';
  /** Whose answers or loss are measured: the base model, an adapter, a tuned model, or the base model with examples or passages in its prompt. */
  readonly by?: 'base' | 'adapter' | 'model' | 'examples' | 'documents';
  /** Whether the work is on the general text and prompts, instead of the rows. */
  readonly general?: true;
  /** Whether pairs of answers are compared. */
  readonly pairs?: true;
  /** Which of several measurements it is, counted from 1. */
  readonly turn?: { readonly at: number; readonly of: number };
  readonly done: number;
  readonly total: number;
  /** Bytes written so far, if `done` counts something else. */
  readonly bytes?: number;
}

export type OnProgress = (progress: Progress) => void;
