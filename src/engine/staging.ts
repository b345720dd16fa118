/** A ring of small staging buffers: the results of a step are read while the next steps run. */

/** Buffers of a ring: more than the steps that are ever in flight. */
export const STAGING_BUFFERS = 4;

export interface StagingSlot {
  /** Call after the plan that fills it has run. */
  read(): Promise<Float32Array>;
}

export interface StagingRing {
  /** The next slot. The one taken `STAGING_BUFFERS` times ago must have been read. */
  next(): StagingSlot;
  destroy(): void;
}
