/** WebGPU in Node: the `webgpu` package (Dawn) over the system's Vulkan, Metal or Direct3D driver. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { GraftError, messageOf } from '../errors.ts';
import { openDevice, type DeviceOptions, type GpuDevice } from '../engine/webgpu/device.ts';
import { askWithPauses } from './dawn-polls.ts';
import { silenceNative } from './native-stderr.ts';

/** Where Debian's Chromium and Chrome keep SwiftShader, a software Vulkan driver. */
const SWIFTSHADER_DRIVERS = [
  '/usr/lib/chromium/vk_swiftshader_icd.json',
  '/usr/lib/chromium-browser/vk_swiftshader_icd.json',
  '/opt/google/chrome/vk_swiftshader_icd.json',
];

/** The SwiftShader driver of an installed Chromium, if there is one. */
export function swiftshaderDriver(): string | undefined {
  return SWIFTSHADER_DRIVERS.find((path) => existsSync(path));
}

/** The version of the `webgpu` package. @throws Error if it is not installed */
export function dawnVersion(): string {
  return (createRequire(import.meta.url)('webgpu/package.json') as { version: string }).version;
}

/** Timestamps as the driver gives them: Dawn rounds them to 65 µs for pages, too coarse to measure a kernel. */
const DAWN_OPTIONS = ['disable-dawn-features=timestamp_quantization'];

/**
 * Opens a device in this process.
 *
 * @param name picks the adapter whose name contains it (`llvmpipe`, `NVIDIA`, …); `swiftshader` adds the software driver of an
 *   installed Chromium to those of the system; without a name the best one is taken
 * @throws GraftError `engine-no-adapter` if no adapter answers
 */
export async function openDawn(name?: string, options: DeviceOptions = {}): Promise<GpuDevice> {
  let adapter = name;
  if (name?.toLowerCase() === 'swiftshader') {
    const driver = swiftshaderDriver();
    if (!driver) throw noAdapter('SwiftShader was not found.', 'Install Chromium, which brings it.');
    process.env['VK_ADD_DRIVER_FILES'] = driver;
    adapter = 'SwiftShader';
  }
  const { create, globals } = await import('webgpu').catch((cause: unknown) => {
    throw noAdapter(
      `WebGPU cannot be loaded here: ${messageOf(cause)}`,
      'Use --device cpu, or install what is missing.',
    );
  });
  Object.assign(globalThis, globals);
  const restore = silenceNative();
  try {
    const gpu = create([...DAWN_OPTIONS, ...(adapter ? [`adapter=${adapter}`] : [])]);
    instances.push(gpu);
    const device = await openDevice(gpu, options);
    askWithPauses(device.software);
    return device;
  } catch (error) {
    if (error instanceof GraftError) throw error;
    const others = [...messageOf(error).matchAll(/name: '([^']+)'/g)].map(([, other]) => other);
    if (name && others.length > 0)
      throw noAdapter(
        `There is no GPU whose name contains "${name}". There is ${others.join(', ')}.`,
        'Give a part of such a name with --device.',
      );
    throw noAdapter(
      `No WebGPU adapter${name ? ` named "${name}"` : ''} answered: ${messageOf(error)}`,
      'Install a Vulkan driver (on Debian and Ubuntu: apt-get install mesa-vulkan-drivers) or choose another with --device.',
    );
  } finally {
    restore();
  }
}

function noAdapter(what: string, remedy: string): GraftError {
  return new GraftError('engine-no-adapter', what, remedy);
}

/** Dawn frees an instance without references while its devices are still in use. */
const instances: GPU[] = [];
