/**
 * A device on paper: whatever is set up on it allocates, compiles and computes nothing, and is counted. A run that is set up here takes
 * the code paths of a real one, so that what it counts is what a real one allocates, to the byte.
 */
import { Device } from './device.ts';
import type { Target } from './target.ts';

/** A device that records plans as `target` would. Limits decide how things are laid out; what is above them is not refused. */
export function paperDevice(target: Target): Device {
  return new Device(
    paperGpu(target),
    { vendor: '', architecture: '', description: 'on paper' },
    {
      tuning: target.tuning,
      paper: { software: target.software },
    },
  );
}

/** As much of WebGPU as the engine touches, with nothing behind it. */
function paperGpu({ features, limits }: Target): GPUDevice {
  const nothing = (): object => ({});
  const done = (): Promise<void> => Promise.resolve();
  const ignore = (): void => undefined;
  const pass = { setPipeline: ignore, setBindGroup: ignore, dispatchWorkgroups: ignore, end: ignore };
  const encoder = {
    beginComputePass: () => pass,
    copyBufferToBuffer: ignore,
    clearBuffer: ignore,
    finish: nothing,
  };
  const gpu = {
    features: new Set([
      ...(features.f16 ? ['shader-f16'] : []),
      ...(features.subgroups ? ['subgroups'] : []),
    ]),
    limits,
    lost: new Promise<never>(ignore),
    queue: { writeBuffer: ignore, submit: ignore, onSubmittedWorkDone: done },
    addEventListener: ignore,
    createBuffer: ({ size, label }: GPUBufferDescriptor) => ({ size, label, destroy: ignore }),
    createBindGroup: nothing,
    createBindGroupLayout: nothing,
    createPipelineLayout: nothing,
    createShaderModule: nothing,
    createComputePipelineAsync: () => Promise.resolve({}),
    createCommandEncoder: () => encoder,
    destroy: ignore,
  };
  return gpu as unknown as GPUDevice;
}
