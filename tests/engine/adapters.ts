/**
 * Devices for the tests: every kernel runs on lavapipe (f16, subgroups), on SwiftShader (neither f16 nor much speed) and, in the project `cpu`,
 * on the CPU engine, which needs no driver. A missing adapter skips its tests loudly. With `GRAFT_TEST_KERNELS=gpu` the software adapters get the builds
 * of kernels that GPUs get; with `GRAFT_TEST_LIMITS=default` they have WebGPU's default limits and no feature. `npm test` sets
 * `GRAFT_TEST_MATRIX=part`, which leaves out what the software GPUs only repeat. With `GRAFT_TEST_PRODUCTS=odd` and the builds of GPUs, products have kernels
 * that differ from the usual ones in every way, as if those had been measured to be faster.
 */
import { afterAll, beforeAll, describe, type test } from 'vitest';
import { openProcessor } from '../../src/cli/cpu.ts';
import { openDawn, swiftshaderDriver } from '../../src/cli/dawn.ts';
import { oddProducts } from './odd-products.ts';
import type { Device } from '../../src/engine/device.ts';
import { GpuDevice, type DeviceOptions } from '../../src/engine/webgpu/device.ts';
import { KERNEL_CHOICES } from '../../src/engine/webgpu/tuning.ts';
import type { describeShared } from '../shared.ts';

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
  /** Whether all shapes and variants run here. SwiftShader compiles for seconds what lavapipe has proven: in `npm test` it has the oddest of each. */
  readonly all: boolean;
}

interface TestDevice {
  readonly name: string;
  readonly f16: boolean;
  readonly webgpu: boolean;
  readonly present: boolean;
  readonly open: (options?: DeviceOptions) => Promise<Device>;
}

const ON_CPU = process.env['GRAFT_TEST_DEVICE'] === 'cpu';

/** The builds of kernels that the tests run. */
export const TEST_KERNELS = (() => {
  const asked = process.env['GRAFT_TEST_KERNELS'] ?? 'auto';
  const choice = KERNEL_CHOICES.find((name) => name === asked);
  if (!choice) throw new Error(`GRAFT_TEST_KERNELS is ${asked}, expected ${KERNEL_CHOICES.join(', ')}`);
  return choice;
})();

/** Whether software GPUs leave out what they only repeat. */
export const PART = process.env['GRAFT_TEST_MATRIX'] === 'part';

/** Whether products have odd kernels. */
const ODD = process.env['GRAFT_TEST_PRODUCTS'] === 'odd';

/** Whether every device is the least one. */
const MIN = process.env['GRAFT_TEST_LIMITS'] === 'default';

function vulkan(name: string, f16: boolean, present: boolean): TestDevice {
  const open = async (options: DeviceOptions = {}): Promise<Device> => {
    const device = await openDawn(name, { kernels: TEST_KERNELS, least: MIN, ...options });
    if (ODD) device.tuning = { ...device.tuning, products: oddProducts() };
    return device;
  };
  return { name, f16: f16 && !MIN, webgpu: true, present, open };
}

/** Two threads, so that work is shared even with one processor. A third has nothing to run on where CI has two. */
const PROCESSOR: TestDevice = {
  ...{ name: 'cpu', f16: false, webgpu: false, present: true },
  open: () => openProcessor({ threads: 2 }),
};
const DEVICES: readonly TestDevice[] = ON_CPU
  ? [PROCESSOR]
  : [vulkan('llvmpipe', true, true), vulkan('swiftshader', false, swiftshaderDriver() !== undefined)];

/** Describes the same tests once for each device. */
export function describeAdapters(title: string, define: (context: AdapterContext) => void): void {
  for (const device of DEVICES) describeAdapter(title, device, define);
}

/** The same, and once more with the builds of kernels that GPUs get, on the faster software GPU. */
export function describeBuilds(title: string, define: (context: AdapterContext) => void): void {
  describeAdapters(title, define);
  describeGpuBuilds(title, define);
}

/** Describes tests of the builds that GPUs get, on the faster software GPU; nothing where the other tests have them, or no GPU. */
export function describeGpuBuilds(title: string, define: (context: AdapterContext) => void): void {
  if (ON_CPU || TEST_KERNELS === 'gpu') return;
  describeAdapter(`${title}, builds for GPUs`, DEVICES[0], define, { options: { kernels: 'gpu' } });
}

/**
 * Describes tests of whole models whose numbers depend on the device in no other way than those of tests/gpu/like-cpu.test.ts: curves, states, exports. `npm
 * test` runs them on the CPU engine only, `npm run test:long` also on the faster software GPU.
 *
 * @param options as for `describeDevice`
 */
export function describeOnCpu(
  title: string,
  define: (context: AdapterContext) => void,
  options: { own?: boolean } = {},
): void {
  if (ON_CPU || !PART) describeDevice(title, define, options);
}

/** The same for a part of a file: `test`, `describe` or `describeShared` itself, or one that defines nothing. */
export function onCpu<Define extends typeof test | typeof describe | typeof describeShared>(
  define: Define,
): Define {
  if (ON_CPU || !PART) return define;
  return Object.assign(() => undefined, { each: () => () => undefined }) as unknown as Define;
}

/** Describes tests of whole runs on the CPU engine, also in a project of other devices. */
export function describeProcessor(title: string, define: (context: AdapterContext) => void): void {
  describeAdapter(title, PROCESSOR, define);
}

/**
 * Describes tests of whole models, which run on the faster device only.
 *
 * @param own whether they need a device of their own: they count all of its memory, or change its limits @param options how a GPU is opened
 */
export function describeDevice(
  title: string,
  define: (context: AdapterContext) => void,
  { own = false, options = {} }: { own?: boolean; options?: DeviceOptions } = {},
): void {
  describeAdapter(title, DEVICES[0], define, { own, options });
}

/**
 * Describes tests of whole models whose kernels other files run on each software GPU: `npm test` runs them on the faster one, `npm run test:long` on
 * both.
 */
export function describeModels(title: string, define: (context: AdapterContext) => void): void {
  if (PART) describeDevice(title, define);
  else describeAdapters(title, define);
}

/**
 * All files run in one process and share a device of each adapter and kind of builds, whose compiled kernels the next file finds. A test that loses its device opens
 * one of its own.
 */
const warm = new Map<string, Promise<Device>>();

function describeAdapter(
  title: string,
  { name, f16, webgpu, present, open }: TestDevice,
  define: (context: AdapterContext) => void,
  { own = false, options = {} }: { own?: boolean; options?: DeviceOptions } = {},
): void {
  const key = `${name} ${JSON.stringify(options)}`;
  if (!present)
    console.warn(`SKIPPED: ${title} on ${name}, which is not installed (Chromium brings SwiftShader)`);
  describe.skipIf(!present)(`${title} (${name})`, () => {
    let device: Device | undefined;
    beforeAll(async () => {
      let opening = own ? open(options) : warm.get(key);
      if (!opening) warm.set(key, (opening = open(options)));
      device = await opening;
    });
    afterAll(() => {
      if (own) device?.close();
    });
    define({
      name,
      f16: f16 && options.least !== true,
      webgpu,
      all: !PART || name !== 'swiftshader',
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
