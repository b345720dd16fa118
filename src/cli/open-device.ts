/** What `--device` names: the processor, or a GPU. */
import type { Device } from '../engine/device.ts';
import { openProcessor } from './cpu.ts';
import { openDawn } from './dawn.ts';
import type { FlagSpec } from './flags.ts';
import { storedTuning } from './tuning-store.ts';

export const deviceFlag = {
  value: 'NAME',
  help: 'cpu for the processor, webgpu for the best GPU (the default), or a part of the name of the GPU to use; swiftshader is the software GPU of Chromium',
} as const satisfies FlagSpec;

/** Whether a name is that of the CPU engine. */
export function isProcessor(name: string | undefined): boolean {
  return name?.toLowerCase() === 'cpu';
}

/** @throws GraftError `engine-no-adapter`, `engine-kernels` */
export async function openDevice(name: string | undefined): Promise<Device> {
  if (isProcessor(name)) return openProcessor();
  const device = await openDawn(name?.toLowerCase() === 'webgpu' ? undefined : name);
  device.tuning = await storedTuning(device);
  return device;
}
