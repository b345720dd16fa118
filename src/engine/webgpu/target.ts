import type { Target } from '../target.ts';
import { defaultTuning, kernelBuilds, type KernelBuilds, type KernelChoice, type Tuning } from './tuning.ts';

/** WebGPU's default `maxComputeWorkgroupsPerDimension`; Graft asks no adapter for more. */
export const MAX_WORKGROUPS = 65_535;

/** The target of WGSL kernels: the features, limits and tuning of a GPU. */
export interface GpuTarget extends Target {
  readonly features: Target['features'] & {
    readonly subgroups: boolean;
  };
  readonly limits: Target['limits'] & {
    readonly maxComputeWorkgroupStorageSize: number;
    readonly maxComputeInvocationsPerWorkgroup: number;
  };
  /** Which builds of the kernels are compiled. */
  readonly kernels: KernelBuilds;
  readonly tuning: Tuning;
}

/** The typical GPU with a choice of builds. */
export function usualGpuWith(choice: KernelChoice): GpuTarget {
  const adapter = { vendor: '', architecture: '', description: '' };
  const kernels = kernelBuilds(adapter, choice);
  return { ...USUAL_GPU, kernels, tuning: defaultTuning(adapter, kernels) };
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
  kernels: 'gpu',
  tuning: defaultTuning({ vendor: '', architecture: '', description: '' }),
};
