/**
 * What the page may ask of the worker that owns the GPU. Types only: the page imports this file and nothing else from here. All of it
 * must survive structured cloning.
 */

/** What this browser's GPU offers to Graft. */
export interface Gpu {
  readonly name: string;
  /** Whether the adapter is a program on the CPU: right, but slow. */
  readonly software: boolean;
  /** Half precision in shaders: half the memory, up to twice the speed. */
  readonly f16: boolean;
  /** Lanes of a GPU that share numbers without memory: faster sums. */
  readonly subgroups: boolean;
  /** The largest single buffer, in bytes. */
  readonly maxBufferBytes: number;
}

/** What {@link GraftWorker} could not do, in the words of a GraftError. */
export interface Failure {
  /** `worker-no-webgpu`, `worker-insecure`, or the engine's own code. */
  readonly code: string;
  readonly what: string;
  readonly remedy: string;
}

export type Outcome<T> = ({ readonly ok: true } & T) | ({ readonly ok: false } & Failure);

export interface GraftWorker {
  /** Opens a GPU device, describes it and closes it again. */
  describeGpu(): Promise<Outcome<{ readonly gpu: Gpu }>>;
}
