/** What `--device` names: the processor, or a GPU. */
import { readdirSync } from 'node:fs';
import { GraftError } from '../errors.ts';
import type { AdapterDescription, Device } from '../engine/device.ts';
import type { GpuDevice } from '../engine/webgpu/device.ts';
import { openProcessor } from './cpu.ts';
import { openDawn } from './dawn.ts';
import type { Flags, FlagSpec } from './flags.ts';
import type { Output } from './output.ts';
import { useStored } from './tuning-store.ts';

export const deviceFlag = {
  value: 'NAME',
  help: 'cpu for the processor, webgpu for the best GPU, or a part of the name of the GPU to use; swiftshader is the software GPU of Chromium (default: a real GPU, or else the processor, which is faster than a software GPU)',
} as const satisfies FlagSpec;

export const threadsFlag = {
  value: 'N',
  help: 'threads of the processor that share the work (default: all, at most 16)',
} as const satisfies FlagSpec;

/** Whether a name is that of the CPU engine. */
export function isProcessor(name: string | undefined): boolean {
  return name?.toLowerCase() === 'cpu';
}

/** What a device's memory is called. */
export function memoryOf({ vendor }: AdapterDescription): string {
  return isProcessor(vendor) ? 'memory' : 'GPU memory';
}

/**
 * Opens the device that the flags name; without a name a real GPU, or else the processor.
 *
 * @throws GraftError `engine-no-adapter`, `engine-kernels`, `device-differs`
 */
export async function openDevice(
  flags: Flags<{ readonly device: FlagSpec; readonly threads: FlagSpec }>,
  output: Output,
): Promise<Device> {
  const name = flags.text('device');
  const threads = flags.whole('threads', 1);
  if (isProcessor(name)) return openProcessor({ threads });
  if (name !== undefined)
    return tuned(await openDawn(name.toLowerCase() === 'webgpu' ? undefined : name), output);
  const gpu = await usualGpu();
  return gpu ? tuned(gpu, output) : openProcessor({ threads });
}

/**
 * The GPU that {@link openDevice} takes without a name, to plan for it; undefined if it takes the processor.
 */
export async function usualGpu(): Promise<GpuDevice | undefined> {
  const gpu = await anyGpu();
  if (gpu && !gpu.software) return gpu;
  gpu?.close();
  return undefined;
}

/** Prefixes of the device files that Linux GPU drivers make: Mesa and AMD, NVIDIA and its Jetson, Windows behind WSL, Adreno, Mali, PowerVR. */
const GPU_FILES = /^(dri|kfd|nvidia|nvgpu|nvhost|dxg|kgsl|mali|pvr)/;

/** Whether this machine can have a real GPU. If not, Dawn need not be loaded only to find a software one. */
function canHaveGpu(): boolean {
  return process.platform !== 'linux' || readdirSync('/dev').some((name) => GPU_FILES.test(name));
}

async function anyGpu(): Promise<GpuDevice | undefined> {
  if (!canHaveGpu()) return undefined;
  try {
    return await openDawn();
  } catch (error) {
    if (error instanceof GraftError && error.code === 'engine-no-adapter') return undefined;
    throw error;
  }
}

/** @throws GraftError `device-differs` */
async function tuned(device: GpuDevice, output: Output): Promise<GpuDevice> {
  await useStored(device, openProcessor, output);
  return device;
}
