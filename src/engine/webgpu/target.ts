import type { Target } from '../target.ts';
import { defaultTuning, type Tuning } from './tuning.ts';

/** WebGPU's default `maxComputeWorkgroupsPerDimension`; Graft asks no adapter for more. */
export const MOST_WORKGROUPS = 65_535;

/** The target of WGSL kernels: the features, limits and tuning of a GPU. */
export interface GpuTarget extends Target {
  readonly features: Target['features'] & {
    readonly subgroups: boolean;
  };
  readonly limits: Target['limits'] & {
    readonly maxComputeWorkgroupStorageSize: number;
    readonly maxComputeInvocationsPerWorkgroup: number;
  };
  readonly tuning: Tuning;
}

/** A GPU like that of most laptops and desktops, with the largest limits that browsers give: for plans without a device. */
export const USUAL_GPU: GpuTarget = {
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
