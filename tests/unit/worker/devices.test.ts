/** The device that computes, by the choice and the available devices. */
import { describe, expect, test } from 'vitest';
import type { Device } from '../../../src/engine/device.ts';
import { GraftError } from '../../../src/errors.ts';
import { describeDevice, openChosen, type DeviceOpeners } from '../../../src/worker/device/devices.ts';

const MIB = 2 ** 20;

interface Made {
  readonly gpu?: 'real' | 'software';
  readonly processor?: boolean;
  readonly rates?: { readonly gpu: number; readonly processor: number };
}

/** Possible devices of a browser, and which of them were closed. */
function browser({ gpu, processor = true, rates = { gpu: 900, processor: 100 } }: Made): {
  openers: DeviceOpeners;
  closed: string[];
} {
  const closed: string[] = [];
  const device = (name: string, more: Partial<Device>): Device =>
    ({
      adapter: { vendor: name, architecture: '', description: '' },
      features: { f16: true, subgroups: false },
      limits: { maxBufferSize: 512 * MIB, maxStorageBufferBindingSize: 128 * MIB },
      close: () => closed.push(name),
      ...more,
    }) as unknown as Device;
  const openers: DeviceOpeners = {
    gpu: () =>
      gpu
        ? Promise.resolve(device('intel', { software: gpu === 'software' }))
        : Promise.reject(new GraftError('worker-no-webgpu', 'There is no WebGPU.', 'Take another browser.')),
    processor: () =>
      processor
        ? Promise.resolve(device('CPU', { software: true, processor: { threads: 4, relaxed: true } }))
        : Promise.reject(new GraftError('worker-no-simd', 'There is no SIMD.', 'Take another browser.')),
    compare: () => Promise.resolve(rates),
  };
  return { openers, closed };
}

describe('the faster one', () => {
  test.each([
    [{ gpu: 'real', rates: { gpu: 900, processor: 100 } }, 'intel', ['CPU']],
    [{ gpu: 'real', rates: { gpu: 60, processor: 100 } }, 'CPU', ['intel']],
    // A program that plays a GPU on the processor is not measured against it.
    [{ gpu: 'software', rates: { gpu: 900, processor: 100 } }, 'CPU', ['intel']],
    [{ gpu: 'software', processor: false }, 'intel', []],
    [{ processor: true }, 'CPU', []],
  ] satisfies [Made, string, string[]][])('%j: %s', async (made, vendor, others) => {
    const { openers, closed } = browser(made);
    const { device } = await openChosen('auto', true, openers);
    expect(device.adapter.vendor).toBe(vendor);
    expect(closed).toEqual(others);
  });

  test('reports the speed of both, and why a GPU is missing', async () => {
    const both = await openChosen('auto', true, browser({ gpu: 'real' }).openers);
    expect(both.compared).toEqual({ gpu: 900, processor: 100 });
    const none = await openChosen('auto', true, browser({}).openers);
    expect(none.noGpu).toMatchObject({ code: 'worker-no-webgpu' });
    const software = await openChosen('auto', true, browser({ gpu: 'software' }).openers);
    expect(software.noGpu?.what).toMatch(/a software GPU, Intel/);
  });

  test('is neither if there is none', async () => {
    const { openers } = browser({ processor: false });
    await expect(openChosen('auto', true, openers)).rejects.toMatchObject({ code: 'worker-no-simd' });
  });
});

test('the chosen device is opened, or said to be missing', async () => {
  const { openers } = browser({ gpu: 'software' });
  expect((await openChosen('gpu', true, openers)).device.adapter.vendor).toBe('intel');
  expect((await openChosen('processor', true, openers)).device.adapter.vendor).toBe('CPU');
  await expect(openChosen('gpu', true, browser({}).openers)).rejects.toMatchObject({
    code: 'worker-no-webgpu',
  });
});

test('an insecure page computes on nothing', async () => {
  const { openers } = browser({ gpu: 'real' });
  for (const choice of ['auto', 'gpu', 'processor'] as const)
    await expect(openChosen(choice, false, openers)).rejects.toMatchObject({ code: 'worker-insecure' });
});

test('a description carries what the device has', async () => {
  const { openers } = browser({ gpu: 'real' });
  expect(describeDevice(await openChosen('gpu', true, openers))).toEqual({
    kind: 'gpu',
    name: 'Intel',
    software: false,
    f16: true,
    subgroups: false,
    maxBufferBytes: 128 * MIB,
  });
  expect(describeDevice(await openChosen('processor', true, openers))).toEqual({
    kind: 'processor',
    name: 'CPU',
    threads: 4,
    relaxed: true,
    isolated: false,
    maxBufferBytes: 128 * MIB,
  });
});

test('a description carries the memory that a phone leaves to a tab', async () => {
  const { openers } = browser({ gpu: 'real' });
  const limited = (open: () => Promise<Device>) => async (): Promise<Device> => {
    const device = await open();
    return { ...device, limits: { ...device.limits, memoryBytes: 100 * MIB } };
  };
  const phone = { ...openers, gpu: limited(openers.gpu), processor: limited(openers.processor) };
  for (const choice of ['gpu', 'processor'] as const)
    expect(describeDevice(await openChosen(choice, true, phone))).toMatchObject({ phoneBytes: 100 * MIB });
});
