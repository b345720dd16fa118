/** Kernels for matrix products that are measured on the person's own GPU. */
import type { ProductRow } from '../../evaluate/product-words.ts';
import type { Failure, Outcome } from './outcome.ts';

/**
 * - `none`: this device has no kernels to choose from, such as a GPU in software
 * - `idle`: nothing is measured now
 * - `waiting`: other work has the device
 * - `measuring`
 * - `paused`: by the person
 */
export type KernelsPhase = 'none' | 'idle' | 'waiting' | 'measuring' | 'paused';

/** What is known about the kernels of this device. */
export interface KernelsState {
  readonly phase: KernelsPhase;
  /** Candidates that were tried, of all, and the class of products of the current one. */
  readonly done: number;
  readonly total: number;
  readonly doing: string;
  readonly rows: readonly ProductRow[];
  /** What ended the last measurement before its end. */
  readonly failure?: Failure;
}

export interface KernelsApi {
  /**
   * Calls `onChange` with the state, now and at each change. From then on the products of each model that is opened on a real GPU are measured once, when the
   * device has had nothing to do for a while.
   */
  watchKernels(onChange: (state: KernelsState) => void): Promise<never>;
  /** Measures the products of the open model, or continues, whenever the device has nothing else to do. */
  measureKernels(): Promise<Outcome<object>>;
  /** Stops after the current measurement; what was measured stays. */
  pauseKernels(): Promise<void>;
  /** Stops, forgets what was measured, and uses the usual kernels. */
  forgetKernels(): Promise<Outcome<object>>;
  /** What was measured, as a JSON file. */
  exportKernels(): Promise<Outcome<{ readonly json: string }>>;
  /** Uses what another browser profile measured on the same GPU. @param json of `exportKernels` */
  importKernels(json: string): Promise<Outcome<object>>;
}
