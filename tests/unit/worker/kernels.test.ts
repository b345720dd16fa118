/** Kernels of the page where there is nothing to measure: on a CPU, and without a model. */
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Device } from '../../../src/engine/device.ts';
import type { KernelsState } from '../../../src/worker/api.ts';
import { Kernels, kernelsApi } from '../../../src/worker/kernels-api.ts';
import type { OpenModel } from '../../../src/worker/model.ts';
import { Queue } from '../../../src/worker/queue.ts';
import type { Session } from '../../../src/worker/session.ts';

const cpu = {
  adapter: { vendor: 'cpu', architecture: '', description: 'Some CPU' },
  processor: { threads: 2, relaxed: true },
} as unknown as Device;

function kernelsOn(opened?: OpenModel): Kernels {
  const session = {
    opened,
    device: () => Promise.resolve(cpu),
    tunedDevice: () => Promise.resolve(cpu),
  } as unknown as Session;
  return new Kernels(session, new Queue());
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
