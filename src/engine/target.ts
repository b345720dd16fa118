/** The target of a tape. A device is one; the memory planner records without a device. */
export interface Target {
  readonly features: {
    /** Weights in half precision, and activations unless `wideActivations`. */
    readonly f16: boolean;
    /** Whether the lanes of a GPU can share values; undefined if there are no such lanes. */
    readonly subgroups?: boolean;
    /** Whether activations stay f32 next to weights in half precision. */
    readonly wideActivations?: boolean;
  };
  readonly limits: {
    /** Largest tensor that an operation reads or writes, in bytes. */
    readonly maxStorageBufferBindingSize: number;
    /** Largest piece of memory, in bytes. */
    readonly maxBufferSize: number;
    /** All memory in bytes, if that is known: GPUs do not report it. */
    readonly memoryBytes?: number;
    /** Largest shard of a weight, if it should be smaller than memory allows: see shards.ts. */
    readonly largestWeight?: number;
  };
  /** Whether kernels run on the processor: see `softwareAdapter` in webgpu/tuning.ts. The builds of GPU kernels do not follow from it. */
  readonly software: boolean;
}
