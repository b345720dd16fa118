/** The memory of a run before it starts. */
import type { BaseWeights } from './models.ts';
import type { Outcome } from './outcome.ts';
import type { RunOptions } from './runs.ts';

/** A way to make a run smaller: settings, and how the base is held where that should be another. */
export interface MemoryAdvice {
  readonly text: string;
  readonly change: Partial<Pick<RunOptions, 'batch' | 'accumulate' | 'maxLength' | 'rank' | 'checkpointing'>>;
  readonly baseWeights?: BaseWeights;
  /** Peak of the run with the change made. */
  readonly peakBytes: number;
  /** Whether this adapter refuses nothing of it then. How much memory the GPU has is not known. */
  readonly fits: boolean;
}

/** GPU memory of a run, in bytes, known before it starts. */
export interface RunMemory {
  /** The most that exists at once. */
  readonly peakBytes: number;
  /** What exists while steps run: what `StepPoint.gpuBytes` should show. */
  readonly steadyBytes: number;
  readonly parts: {
    readonly base: number;
    readonly adapter: number;
    readonly gradients: number;
    readonly optimiser: number;
    readonly activations: number;
    readonly inputs: number;
    readonly commands: number;
    readonly samples: number;
    readonly staging: number;
  };
  readonly largestBuffer: { readonly label: string; readonly bytes: number };
  readonly largestBinding: { readonly label: string; readonly bytes: number };
  /** Weights that are larger than one buffer may be, kept in several; `bytes` of the largest. */
  readonly split: readonly { readonly label: string; readonly pieces: number; readonly bytes: number }[];
  /** What this adapter refuses; empty where the run fits. */
  readonly problems: readonly {
    readonly limit: 'buffer' | 'binding' | 'memory' | 'dispatch';
    readonly label: string;
    /** For a dispatch: workgroups. */
    readonly bytes: number;
    readonly allowed: number;
  }[];
  /** What to change where it does not fit, best first. */
  readonly advice: readonly MemoryAdvice[];
  /** The run with activation checkpointing, where it is off and would save much. */
  readonly checkpointed?: { readonly peakBytes: number };
  /** Another way to hold the base, with what it takes then: much smaller, or as it would be without a choice. */
  readonly otherBase?: { readonly baseWeights: BaseWeights; readonly bytes: number };
  readonly dispatches: number;
  readonly submits: number;
}

/** What a run will need. */
export interface MemoryApi {
  /**
   * Plans the GPU memory of a run on the open model, and on the open data if there is some, without using the GPU: fit to be asked on
   * every change of a setting, also while a run trains.
   */
  planRun(options: RunOptions): Promise<Outcome<{ readonly memory: RunMemory }>>;
}
