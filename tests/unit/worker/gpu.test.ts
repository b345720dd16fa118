import { expect, test } from 'vitest';
import type { Device } from '../../../src/engine/device.ts';
import { defaultTuning, softwareAdapter } from '../../../src/engine/webgpu/tuning.ts';
import { gpuName } from '../../../src/runs/card-facts.ts';
import { describeDevice, openGpu } from '../../../src/worker/gpu.ts';

const MIB = 2 ** 20;

function device(vendor: string, architecture: string, description: string): Device {
  const adapter = { vendor, architecture, description };
  return {
    adapter,
    software: softwareAdapter(adapter) !== undefined,
    features: { f16: true, subgroups: false, timestamps: false },
    limits: { maxBufferSize: 512 * MIB, maxStorageBufferBindingSize: 128 * MIB },
  } as unknown as Device;
}

test('an adapter goes by its full name where the browser gives it, else by vendor and family', () => {
  expect(gpuName({ vendor: 'apple', architecture: 'metal-3', description: 'Apple M2' })).toBe('Apple M2');
  expect(gpuName({ vendor: 'nvidia', architecture: 'ampere', description: '' })).toBe('NVIDIA Ampere');
  expect(gpuName({ vendor: 'google', architecture: 'swiftshader', description: '' })).toBe(
    'Google SwiftShader',
  );
  expect(gpuName({ vendor: '', architecture: '', description: '' })).toBe('unnamed GPU');
});

test.each([
  ['swiftshader', '', 'swiftshader'],
  ['', 'llvmpipe: Mesa 25.0.7', 'lavapipe'],
  ['', 'Microsoft Basic Render Driver', 'warp'],
  ['ampere', '', undefined],
  ['', 'Intel(R) Arc(tm) A770', undefined],
])('the adapter “%s %s” is told from others: %s', (architecture, description, expected) => {
  const adapter = { vendor: 'any', architecture, description };
  expect(softwareAdapter(adapter)).toBe(expected);
  expect(describeDevice(device('any', architecture, description)).software).toBe(expected !== undefined);
  // What is measured on the processor is not given the kernels of a GPU.
  expect(defaultTuning(adapter).matmul.family).toBe(expected ? 'registers' : 'tiles');
});

test('a description carries what the device has', () => {
  expect(describeDevice(device('intel', 'xe', ''))).toEqual({
    name: 'Intel Xe',
    software: false,
    f16: true,
    subgroups: false,
    maxBufferBytes: 128 * MIB,
  });
});

test('a browser without WebGPU and an insecure page are told apart', async () => {
  await expect(openGpu(undefined, true)).rejects.toMatchObject({ code: 'worker-no-webgpu' });
  await expect(openGpu(undefined, false)).rejects.toMatchObject({ code: 'worker-insecure' });
});

test('a browser with WebGPU and no adapter is reported by the engine', async () => {
  const gpu = { requestAdapter: () => Promise.resolve(null) } as unknown as GPU;
  await expect(openGpu(gpu, true)).rejects.toMatchObject({
    code: 'engine-no-adapter',
    remedy: expect.stringMatching(/hardware acceleration.*Chrome or Edge/) as string,
  });
});
