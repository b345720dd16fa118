import { expect, test } from 'vitest';
import {
  defaultTuning,
  isSoftware,
  kernelBuilds,
  softwareAdapter,
  tuningName,
} from '../../../src/engine/webgpu/tuning.ts';
import { SHADERS } from '../../../src/engine/webgpu/lowering.ts';
import { keptFor, measuredOn, toKeep } from '../../../src/engine/webgpu/measured-on.ts';
import { deviceName } from '../../../src/runs/card-facts.ts';
import { openGpu } from '../../../src/worker/device/gpu.ts';

test('an adapter goes by its full name where the browser gives it, else by vendor and family', () => {
  expect(deviceName({ vendor: 'apple', architecture: 'metal-3', description: 'Apple M2' })).toBe('Apple M2');
  expect(deviceName({ vendor: 'nvidia', architecture: 'ampere', description: '' })).toBe('NVIDIA Ampere');
  expect(deviceName({ vendor: 'google', architecture: 'swiftshader', description: '' })).toBe(
    'Google SwiftShader',
  );
  expect(deviceName({ vendor: '', architecture: '', description: '' })).toBe('unnamed GPU');
});

test.each([
  ['swiftshader', '', 'swiftshader'],
  ['', 'llvmpipe: Mesa 25.0.7', 'lavapipe'],
  ['', 'Microsoft Basic Render Driver', 'warp'],
  ['ampere', '', undefined],
  ['', 'Intel(R) Arc(tm) A770', undefined],
])('the adapter “%s %s” is distinguished from others: %s', (architecture, description, expected) => {
  const adapter = { vendor: 'any', architecture, description };
  expect(softwareAdapter(adapter)).toBe(expected);
  // The processor does not get kernels measured on a GPU.
  expect(defaultTuning(adapter).matmul.family).toBe(expected ? 'registers' : 'tiles');
});

test('any adapter gets the builds of kernels that are asked for, and keeps their measurements apart', () => {
  const lavapipe = { vendor: 'mesa', architecture: '', description: 'llvmpipe' };
  const card = { vendor: 'nvidia', architecture: 'ampere', description: '' };
  expect(kernelBuilds(lavapipe)).toBe('software');
  expect(kernelBuilds(card)).toBe('gpu');
  expect(kernelBuilds(lavapipe, 'gpu')).toBe('gpu');
  expect(kernelBuilds(card, 'software')).toBe('software');
  expect(defaultTuning(lavapipe, 'gpu')).toEqual(defaultTuning(card));
  expect(defaultTuning(card, 'software').matmul.family).toBe('registers');
  expect(tuningName(lavapipe, 'software')).toBe('mesa  llvmpipe');
  expect(tuningName(lavapipe, 'gpu')).toBe('mesa  llvmpipe with gpu kernels');
});

test('a browser without WebGPU is reported', async () => {
  await expect(openGpu(undefined)).rejects.toMatchObject({ code: 'worker-no-webgpu' });
});

test('a browser with WebGPU and no adapter is reported by the engine', async () => {
  const gpu = { requestAdapter: () => Promise.resolve(null) } as unknown as GPU;
  await expect(openGpu(gpu)).rejects.toMatchObject({
    code: 'engine-no-adapter',
    remedy: expect.stringMatching(/hardware acceleration.*Chrome or Edge/) as string,
  });
});

test('a software adapter without a name is recognised by what it says of itself', () => {
  const nameless = { vendor: '', architecture: '', description: '' };
  expect(isSoftware(nameless)).toBe(false);
  expect(isSoftware({ ...nameless, fallback: true })).toBe(true);
  expect(kernelBuilds({ ...nameless, fallback: true })).toBe('software');
});

test('a measurement counts until the browser, the shaders or a nameless adapter change', () => {
  const limits = { maxBufferSize: 2 ** 30, maxStorageBufferBindingSize: 2 ** 27 };
  const nameless = { vendor: '', architecture: '', description: '' };
  const device = { adapter: nameless, features: { f16: true }, limits, kernels: 'gpu' };
  const on = measuredOn([device], '1.0 in Firefox/145.0');
  const kept = JSON.parse(JSON.stringify(toKeep(on, { gpu: 900 }))) as unknown;
  expect(keptFor(kept, measuredOn([device], '1.0 in Firefox/145.0'))).toEqual({ gpu: 900 });
  expect(on).toContain(SHADERS);
  const other = { ...device, limits: { ...limits, maxBufferSize: 2 ** 28 } };
  for (const now of [
    measuredOn([device], '1.0 in Firefox/146.0'),
    measuredOn([other], '1.0 in Firefox/145.0'),
    measuredOn([{ ...device, kernels: 'software' }], '1.0 in Firefox/145.0'),
    on.replace(SHADERS, 'other shaders'),
  ])
    expect(keptFor(kept, now)).toBeUndefined();
  // Of a version that kept only the value.
  expect(keptFor({ gpu: 900 }, on)).toBeUndefined();
});
