/** The GPU of this browser: opened, measured once, described; or why there is none. */
import type { Device } from '../engine/device.ts';
import { GpuDevice, openDevice } from '../engine/webgpu/device.ts';
import { measureTuning } from '../engine/webgpu/measure-tuning.ts';
import { isTuning } from '../engine/webgpu/tuning.ts';
import { GraftError } from '../errors.ts';
import { gpuName } from '../runs/card-facts.ts';
import { readSetting, writeSetting } from '../storage/settings.ts';
import type { Gpu } from './api.ts';

export function describeDevice({ adapter, features, limits, software }: Device): Gpu {
  return {
    name: gpuName(adapter),
    software,
    f16: features.f16,
    subgroups: features.subgroups ?? false,
    maxBufferBytes: Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize),
  };
}

const BROWSERS =
  'Chrome or Edge from 113, Safari from 26 and Firefox from 141 have it (on Linux, Chrome may want chrome://flags/#enable-unsafe-webgpu).';

/** What a person in front of a browser can do; the engine speaks to one at a terminal. */
function inBrowser(error: unknown): unknown {
  return error instanceof GraftError && error.code === 'engine-no-adapter'
    ? new GraftError(
        error.code,
        error.what,
        `This browser knows WebGPU but found no GPU for it. Switch on hardware acceleration in its settings, or update the graphics driver. ${BROWSERS}`,
      )
    : error;
}

/**
 * Opens a device.
 *
 * @param gpu `navigator.gpu`, which browsers without WebGPU and insecure pages lack
 * @param secure `isSecureContext`
 * @throws GraftError `worker-insecure`, `worker-no-webgpu`, or the engine's
 */
export async function openGpu(gpu: GPU | undefined, secure: boolean): Promise<GpuDevice> {
  if (!gpu) {
    throw secure
      ? new GraftError('worker-no-webgpu', 'This browser does not offer WebGPU.', BROWSERS)
      : new GraftError(
          'worker-insecure',
          'Browsers offer WebGPU to secure pages only, and this one came over plain HTTP.',
          'Open it over HTTPS, or as localhost on the machine that serves it.',
        );
  }
  return openDevice(gpu).catch((error: unknown) => {
    throw inBrowser(error);
  });
}

/** Gives a device the tuning that was measured on its adapter, now or on an earlier visit. */
export async function tune(device: Device): Promise<void> {
  // Other backends have nothing to measure.
  if (!(device instanceof GpuDevice)) return;
  const { vendor, architecture, description } = device.adapter;
  const name = `tuning ${vendor} ${architecture} ${description}`;
  const stored = await ifStorageWorks(readSetting(name));
  if (isTuning(stored)) {
    device.tuning = stored;
    return;
  }
  device.tuning = await measureTuning(device);
  await ifStorageWorks(writeSetting(name, device.tuning));
}

/** A browser that keeps nothing measures at every visit. That storage fails is said where it costs something: when a run is saved. */
export async function ifStorageWorks(work: Promise<unknown>): Promise<unknown> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof GraftError) return undefined;
    throw error;
  }
}
