/** Chooses the device: the person's choice, or the faster one of the GPU and the processor. */
import * as v from 'valibot';
import type { Device } from '../../engine/device.ts';
import { GraftError } from '../../errors.ts';
import { benchmarkMatmul } from '../../evaluate/benchmark.ts';
import { deviceName } from '../../runs/card-facts.ts';
import type { ComparedDevices, DeviceChoice, DeviceFacts, Failure } from '../api.ts';
import { openGpu } from './gpu.ts';
import { Measurement } from './measurement.ts';
import { failureOf } from '../outcome.ts';
import { phoneBytes } from './phone.ts';

/** An open device, and why it was chosen. */
export interface ChosenDevice {
  readonly device: Device;
  readonly compared?: ComparedDevices;
  /** Why there is no GPU, if one was looked for. */
  readonly noGpu?: Failure;
}

/** Functions that open devices; tests have their own. */
export interface DeviceOpeners {
  readonly gpu: () => Promise<Device>;
  readonly processor: () => Promise<Device>;
  readonly compare: (gpu: Device, processor: Device) => Promise<ComparedDevices>;
}

/** The shape of a small model's MLP: enough to compare a GPU, and a moment's work for a processor. */
const SHAPE = ['NT', 512, 1536, 576] as const;

const OPENERS: DeviceOpeners = {
  gpu: () => openGpu(navigator.gpu as GPU | undefined, phoneBytes(navigator)),
  // Loaded on demand: most of it are kernels.
  processor: async () => (await import('./processor.ts')).openBrowserProcessor(),
  compare,
};

/**
 * Opens the chosen device.
 *
 * @param secure `isSecureContext`: elsewhere browsers offer neither WebGPU nor the locks that keep two tabs apart
 * @throws GraftError `worker-insecure`, `worker-no-webgpu`, `engine-no-adapter`, `worker-no-simd`
 */
export async function openChosen(
  choice: DeviceChoice,
  secure: boolean,
  openers = OPENERS,
): Promise<ChosenDevice> {
  if (!secure)
    throw new GraftError(
      'worker-insecure',
      'Browsers let only secure pages use the GPU and share memory between threads, and this page came over plain HTTP.',
      'Open it over HTTPS, or as localhost on the machine that serves it.',
    );
  if (choice === 'gpu') return { device: await openers.gpu() };
  if (choice === 'processor') return { device: await openers.processor() };
  return openFaster(openers);
}

async function openFaster(openers: DeviceOpeners): Promise<ChosenDevice> {
  const [gpu, processor] = await Promise.all([attempt(openers.gpu), attempt(openers.processor)]);
  if (!('device' in gpu)) {
    if ('device' in processor) return { ...processor, noGpu: failureOf(gpu.error) };
    throw processor.error;
  }
  if (!('device' in processor)) return gpu;
  if (gpu.device.software) {
    gpu.device.close();
    return { ...processor, noGpu: inSoftware(gpu.device) };
  }
  const compared = await openers.compare(gpu.device, processor.device);
  const [faster, slower] = compared.gpu > compared.processor ? [gpu, processor] : [processor, gpu];
  slower.device.close();
  return { ...faster, compared };
}

function inSoftware({ adapter }: Device): Failure {
  return {
    code: 'worker-software-gpu',
    what: `The only GPU here is a software GPU, ${deviceName(adapter)}, and the CPU is faster without it.`,
    remedy:
      'A real GPU may need a driver, or hardware acceleration switched on in the settings of the browser.',
  };
}

type Attempt = { readonly device: Device } | { readonly error: unknown };

async function attempt(open: () => Promise<Device>): Promise<Attempt> {
  try {
    return { device: await open() };
  } catch (error) {
    return { error };
  }
}

const positive = v.pipe(v.number(), v.finite(), v.minValue(Number.MIN_VALUE));
const Rates = v.object({ gpu: positive, processor: positive });

/** Both in the same product, measured once for each pair of them. */
async function compare(gpu: Device, processor: Device): Promise<ComparedDevices> {
  const nameOf = ({ adapter: { vendor, architecture, description } }: Device): string =>
    `${vendor} ${architecture} ${description}`;
  const speeds = new Measurement(`speed of ${nameOf(gpu)} and of ${nameOf(processor)}`, [gpu, processor]);
  const kept = v.safeParse(Rates, await speeds.read());
  if (kept.success) return kept.output;
  const measured = await measureRates(gpu, processor);
  await speeds.keep(measured);
  return measured;
}

/** The speed of both in one product of matrices, in f32. @throws GraftError as `benchmarkMatmul` */
export async function measureRates(
  gpu: Device,
  processor: Device,
  shape: Parameters<typeof benchmarkMatmul>[1] = SHAPE,
): Promise<ComparedDevices> {
  const rate = async (device: Device): Promise<number> => (await benchmarkMatmul(device, shape)).gflops;
  return { gpu: await rate(gpu), processor: await rate(processor) };
}

/** A chosen device as the page shows it; memory is in bytes. */
export function describeDevice({ device, compared, noGpu }: ChosenDevice): DeviceFacts {
  const { adapter, features, limits, software } = device;
  const { memoryBytes = Infinity } = limits;
  const any = {
    name: deviceName(adapter),
    maxBufferBytes: Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize),
    ...(compared && { compared }),
    // A GPU's memory is unknown and the processor's is that of WebAssembly, except on a phone.
    ...(memoryBytes < (device.processor ? limits.maxBufferSize : Infinity) && { phoneBytes: memoryBytes }),
  };
  const { processor } = device;
  return processor
    ? { kind: 'processor', ...any, ...processor, isolated: isIsolated(), ...(noGpu && { noGpu }) }
    : { kind: 'gpu', ...any, software, f16: features.f16, subgroups: features.subgroups ?? false };
}

function isIsolated(): boolean {
  return 'crossOriginIsolated' in globalThis && crossOriginIsolated;
}
