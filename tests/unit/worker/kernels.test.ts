/** Kernels of the page while there is nothing to measure: on a CPU, without a model, and while other work has the GPU. */
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Device } from '../../../src/engine/device.ts';
import { GpuDevice } from '../../../src/engine/webgpu/device.ts';
import { USUAL_GPU } from '../../../src/engine/webgpu/target.ts';
import type { KernelsState } from '../../../src/worker/api.ts';
import { Kernels, kernelsApi } from '../../../src/worker/device/kernels-api.ts';
import type { OpenModel } from '../../../src/worker/models/model.ts';
import { Queue } from '../../../src/worker/queue.ts';
import type { Session } from '../../../src/worker/session.ts';

const cpu = {
  adapter: { vendor: 'cpu', architecture: '', description: 'Some CPU' },
  processor: { threads: 2, relaxed: true },
} as unknown as Device;

function kernelsOn(opened?: OpenModel, device = cpu, queue = new Queue()): Kernels {
  const session = {
    opened,
    device: () => Promise.resolve(device),
    tunedDevice: () => Promise.resolve(device),
  } as unknown as Session;
  return new Kernels(session, queue, 1);
}

/** A GPU on which nothing can be computed. */
function someGpu(): GpuDevice {
  const fields = { ...{ adapter: cpu.adapter, software: false }, tuning: USUAL_GPU.tuning };
  const descriptors = Object.entries(fields).map(([name, value]) => [name, { value }]);
  return Object.create(
    GpuDevice.prototype,
    Object.fromEntries(descriptors) as PropertyDescriptorMap,
  ) as GpuDevice;
}

test('nothing is measured without a model', async () => {
  const { measureKernels } = kernelsApi(kernelsOn());
  expect(await measureKernels()).toMatchObject({ ok: false, code: 'worker-no-model' });
});

test('a CPU has no kernels to choose from, and says so', async () => {
  const api = kernelsApi(kernelsOn({ model: { device: cpu } } as unknown as OpenModel));
  for (const outcome of [
    await api.measureKernels(),
    await api.forgetKernels(),
    await api.exportKernels(),
    await api.importKernels('{}'),
  ])
    expect(outcome).toMatchObject({
      ok: false,
      code: 'tuned-products',
      what: 'Some CPU has no kernels to choose from.',
    });
});

test('a model on a CPU never starts a measurement', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const states: KernelsState[] = [];
  const opened = { model: { device: cpu } } as unknown as OpenModel;
  void kernelsApi(kernelsOn(opened)).watchKernels((state) => void states.push(state));
  await vi.advanceTimersByTimeAsync(120_000);
  expect(states.map(({ phase }) => phase)).toEqual(['none']);
});

test('a measurement waits for other work, and can be paused meanwhile', async () => {
  vi.stubGlobal('navigator', { userAgent: 'a browser' });
  // A browser that refuses storage.
  vi.stubGlobal('indexedDB', {
    open: () => {
      throw new DOMException('no storage', 'SecurityError');
    },
  });
  const timers = vi.spyOn(globalThis, 'setInterval');
  onTestFinished(() => {
    for (const { value } of timers.mock.results) clearInterval(value as NodeJS.Timeout);
    timers.mockRestore();
    vi.unstubAllGlobals();
  });
  const queue = new Queue();
  let end = (): void => undefined;
  const run = queue.run(() => new Promise<void>((resolve) => (end = resolve)));
  const device = someGpu();
  const kernels = kernelsOn({ model: { device } } as unknown as OpenModel, device, queue);
  const { measureKernels, pauseKernels, watchKernels } = kernelsApi(kernels);
  const phases: string[] = [];
  void watchKernels(({ phase }) => void phases.push(phase));
  expect(await measureKernels()).toEqual({ ok: true });
  await expect.poll(() => phases).toContain('waiting');
  await pauseKernels();
  expect(phases.at(-1)).toBe('paused');
  expect(phases).not.toContain('measuring');
  end();
  await run;
});
