/** A GPU whose browser says 103 ms late that work is done, as Firefox does (jax-js 124), is measured as if it said so at once. */
import { afterAll, expect, test } from 'vitest';
import type { Device } from '../../src/engine/device.ts';
import { openDevice, type GpuDevice } from '../../src/engine/webgpu/device.ts';
import { measureTuning } from '../../src/engine/webgpu/measure-tuning.ts';
import { measureRates, openChosen, type DeviceOpeners } from '../../src/worker/device/devices.ts';
import { describeDevice } from '../engine/adapters.ts';
import { nameless } from './late-gpu.ts';

/** A product that takes a software adapter much less than the wait. */
const SMALL = ['NT', 64, 64, 256] as const;
const LATE_MS = 103;

describeDevice('a GPU without a name', ({ name }) => {
  const devices: GpuDevice[] = [];
  afterAll(() => {
    for (const device of devices) device.close();
  });

  async function opened(lateMs: number): Promise<GpuDevice> {
    const device = await openDevice(nameless(name, lateMs), { kernels: 'software' });
    devices.push(device);
    return device;
  }

  /** What `auto` takes: a GPU with its usual kernels, or one with plain kernels in place of a slower processor. */
  async function chosen(lateMs: number): Promise<'gpu' | 'processor'> {
    const [gpu, processor] = [await opened(lateMs), await opened(0)];
    processor.tuning = { ...processor.tuning, matmul: { ...processor.tuning.matmul, family: 'plain' } };
    const openers: DeviceOpeners = {
      gpu: () => Promise.resolve(gpu),
      processor: () => Promise.resolve(processor),
      compare: (a: Device, b: Device) => measureRates(a, b, SMALL),
    };
    const { device } = await openChosen('auto', true, openers);
    return device === gpu ? 'gpu' : 'processor';
  }

  test('is opened, and counts as a real one', async () => {
    const device = await opened(0);
    expect(device.adapter).toEqual({ vendor: '', architecture: '', description: '' });
    expect(device.software).toBe(false);
  });

  test.each([0, LATE_MS])('is chosen before a slower processor if it answers %i ms late', async (lateMs) => {
    expect(await chosen(lateMs)).toBe('gpu');
  });

  test('keeps the kernels that agree if it answers late', async () => {
    const device = await opened(LATE_MS);
    const tuning = await measureTuning(device);
    expect(tuning.matmul.family).toBe('registers');
    expect(tuning.matmul.quads).toBe(device.features.subgroups);
  });
});
