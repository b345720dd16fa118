import { defaultTuning, type Tuning } from './tuning.ts';

/** WebGPU's `maxComputeWorkgroupsPerDimension`, of which no adapter is asked for more. */
export const MOST_WORKGROUPS = 65_535;

/** What a plan is recorded for. A device is one; the memory planner records without one. */
export interface Target {
  readonly features: {
    /** `shader-f16`: half-precision storage and arithmetic. */
    readonly f16: boolean;
    readonly subgroups: boolean;
  };
  readonly limits: {
    /** Largest storage-buffer binding, in bytes. */
    readonly maxStorageBufferBindingSize: number;
    readonly maxBufferSize: number;
    readonly maxComputeWorkgroupStorageSize: number;
    readonly maxComputeInvocationsPerWorkgroup: number;
    /** Largest buffer of a weight, where that is to be smaller than buffers and bindings may be: see pieces.ts. */
    readonly largestWeight?: number;
  };
  /** Whether shaders run on the processor: see `softwareAdapter` in tuning.ts. */
  readonly software: boolean;
  readonly tuning: Tuning;
}

/** A GPU as most laptops and desktops have one, with the largest limits that browsers give: for plans without a device. */
export const USUAL_GPU: Target = {
  features: { f16: true, subgroups: true },
  limits: {
    maxStorageBufferBindingSize: 2 ** 31 - 4,
    maxBufferSize: 2 ** 31,
    maxComputeWorkgroupStorageSize: 2 ** 15,
    maxComputeInvocationsPerWorkgroup: 1024,
  },
  software: false,
  tuning: defaultTuning({ vendor: '', architecture: '', description: '' }),
};
