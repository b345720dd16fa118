/** What `--device` names: the processor, or a GPU. */
import { readdirSync } from 'node:fs';
import { GraftError } from '../errors.ts';
import type { AdapterDescription, Device } from '../engine/device.ts';
import type { GpuDevice } from '../engine/webgpu/device.ts';
import { KERNEL_CHOICES, type KernelChoice } from '../engine/webgpu/tuning.ts';
import { openProcessor } from './cpu.ts';
import { openDawn } from './dawn.ts';
import type { Flags, FlagSpec } from './flags.ts';
import type { Output } from './output.ts';
import { useStored } from './tuning-store.ts';

export const deviceFlag = {
  value: 'NAME',
  help: 'cpu, webgpu for the best GPU, or a part of the name of the GPU to use (default: a real GPU if there is one, otherwise the CPU). The software GPU of Chromium, swiftshader, is slower than the CPU',
} as const satisfies FlagSpec;

export const threadsFlag = {
  value: 'N',
  help: 'CPU threads that share the work (default: all, at most 16)',
} as const satisfies FlagSpec;

export const kernelsFlag = {
  value: KERNEL_CHOICES.join('|'),
  help: "which builds of the GPU kernels run: those for GPUs, also on a software GPU, or those for software GPUs (default: auto, by the adapter's name)",
} as const satisfies FlagSpec;

/** The flags that choose a device. */
type DeviceFlags = Flags<Readonly<Record<'device' | 'threads' | 'kernels', FlagSpec>>>;

/** Whether a name is that of the CPU engine. */
export function isProcessor(name: string | undefined): boolean {
  return name?.toLowerCase() === 'cpu';
}

/** What a device's memory is called. */
export function memoryOf({ vendor }: AdapterDescription): string {
  return isProcessor(vendor) ? 'memory' : 'GPU memory';
}

/** The builds that the flags ask for. */
export function readKernels(flags: DeviceFlags): KernelChoice {
  return flags.choice('kernels', KERNEL_CHOICES) ?? 'auto';
}

/**
 * Opens the device that the flags name; without a name a real GPU, or else the processor.
 *
 * @throws GraftError `engine-no-adapter`, `engine-kernels`, `device-differs`, and `arguments` for builds of GPU kernels on the processor
 */
export async function openDeviceByFlags(flags: DeviceFlags, output: Output): Promise<Device> {
  const name = flags.text('device');
  const threads = flags.integer('threads', 1);
  const kernels = readKernels(flags);
  if (isProcessor(name)) {
    refuseBuilds(kernels);
    return openProcessor({ threads });
  }
  const gpu = name === undefined ? await usualGpu(kernels) : await openNamed(name, kernels);
  if (gpu) return tuned(gpu, output);
  refuseBuilds(kernels);
  return openProcessor({ threads });
}

/** Opens the GPU whose name contains this, or the best one for `webgpu`. @throws GraftError `engine-no-adapter` */
export function openNamed(name: string, kernels: KernelChoice): Promise<GpuDevice> {
  return openDawn(name.toLowerCase() === 'webgpu' ? undefined : name, { kernels });
}

/** @throws GraftError `arguments` unless the choice is left to the device */
export function refuseBuilds(kernels: KernelChoice): void {
  if (kernels === 'auto') return;
  throw new GraftError(
    'arguments',
    `--kernels ${kernels} chooses among builds of GPU kernels, and this would run on the CPU engine, which has none.`,
    'Name a GPU with --device, such as llvmpipe or swiftshader, or leave --kernels out.',
  );
}

/**
 * The GPU that {@link openDevice} takes without a name, to plan for it; undefined if it takes the processor.
 */
export async function usualGpu(kernels: KernelChoice = 'auto'): Promise<GpuDevice | undefined> {
  const gpu = await anyGpu(kernels);
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

async function anyGpu(kernels: KernelChoice): Promise<GpuDevice | undefined> {
  if (!canHaveGpu()) return undefined;
  try {
    return await openDawn(undefined, { kernels });
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
