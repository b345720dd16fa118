/**
 * Devices for the tests: every kernel runs on lavapipe (f16, subgroups), on SwiftShader (neither f16 nor much speed) and, in the project `cpu`,
 * on the CPU engine, which needs no driver. A missing adapter skips its tests loudly.
 */
import { afterAll, beforeAll, describe } from 'vitest';
import { openProcessor } from '../../src/cli/cpu.ts';
import { openDawn, swiftshaderDriver } from '../../src/cli/dawn.ts';
import type { Device } from '../../src/engine/device.ts';
import { GpuDevice } from '../../src/engine/webgpu/device.ts';

export interface AdapterContext {
  readonly name: string;
  /** Open while the tests run: ask inside a test or a hook. */
  readonly device: Device;
  /** The same, as the GPU that it must be. */
  readonly gpu: GpuDevice;
  /** Whether f16 activations are expected here. */
  readonly f16: boolean;
  /** Whether this is WebGPU, whose kernels a test may name. */
  readonly webgpu: boolean;
}

interface TestDevice {
  readonly name: string;
  readonly f16: boolean;
  readonly webgpu: boolean;
  readonly present: boolean;
  readonly open: () => Promise<Device>;
}

const ON_CPU = process.env['GRAFT_TEST_DEVICE'] === 'cpu';

function vulkan(name: string, f16: boolean, present: boolean): TestDevice {
  return { name, f16, webgpu: true, present, open: () => openDawn(name) };
}

/** Three threads, so that work is shared even with fewer processors. */
const DEVICES: readonly TestDevice[] = ON_CPU
  ? [{ name: 'cpu', f16: false, webgpu: false, present: true, open: () => openProcessor({ threads: 3 }) }]
  : [vulkan('llvmpipe', true, true), vulkan('swiftshader', false, swiftshaderDriver() !== undefined)];

/** Describes the same tests once for each device. */
export function describeAdapters(title: string, define: (context: AdapterContext) => void): void {
  for (const device of DEVICES) describeAdapter(title, device, define);
}

/**
 * Describes tests of whole models, which run on the faster device only.
 *
 * @param own whether they need a device of their own: they count all of its memory, or change its limits
 */
export function describeDevice(
  title: string,
  define: (context: AdapterContext) => void,
  { own = false } = {},
): void {
  describeAdapter(title, DEVICES[0], define, own);
}

/**
 * All files run in one process and share a device of each adapter, whose compiled kernels the next file finds. A test that loses its device opens
 * one of its own.
 */
const warm = new Map<string, Promise<Device>>();

function describeAdapter(
  title: string,
  { name, f16, webgpu, present, open }: TestDevice,
  define: (context: AdapterContext) => void,
  own = false,
): void {
  if (!present)
    console.warn(`SKIPPED: ${title} on ${name}, which is not installed (Chromium brings SwiftShader)`);
  describe.skipIf(!present)(`${title} (${name})`, () => {
    let device: Device | undefined;
    beforeAll(async () => {
      let opening = own ? open() : warm.get(name);
      if (!opening) warm.set(name, (opening = open()));
      device = await opening;
    });
    afterAll(() => {
      if (own) device?.close();
    });
    define({
      name,
      f16,
      webgpu,
      get device(): Device {
        if (!device) throw new Error('No device yet: ask inside a test');
        return device;
      },
      get gpu(): GpuDevice {
        if (!(device instanceof GpuDevice)) throw new Error(`${name} is no GPU`);
        return device;
      },
    });
  });
}
