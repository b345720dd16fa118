/** The GPU of this browser: opened, and measured once; or why there is none. */
import type { Device } from '../../engine/device.ts';
import { GpuDevice, openDevice } from '../../engine/webgpu/device.ts';
import { measureTuning } from '../../engine/webgpu/measure-tuning.ts';
import { areTunedClasses, chosenProducts, type TunedClass } from '../../engine/webgpu/tune-products.ts';
import { isTuning, tuningName } from '../../engine/webgpu/tuning.ts';
import { GraftError } from '../../errors.ts';
import { isCheck, type DeviceCheck } from '../../evaluate/check-words.ts';
import { deviceName } from '../../runs/card-facts.ts';
import type { Progress } from '../api.ts';
import { Measurement } from './measurement.ts';

const BROWSERS =
  'Chrome or Edge from 113, Safari from 26 and Firefox from 141 have it (on Linux, Chrome may want chrome://flags/#enable-unsafe-webgpu).';

/** Remedies for a person at a browser; the engine's are for a terminal. */
function inBrowser(error: unknown): unknown {
  return error instanceof GraftError && error.code === 'engine-no-adapter'
    ? new GraftError(
        error.code,
        error.what,
        `This browser knows WebGPU but found no GPU for it. Switch on hardware acceleration in its settings, or update the graphics driver. ${BROWSERS}`,
      )
    : error;
}

/**
 * Opens a GPU.
 *
 * @param gpu `navigator.gpu`, which browsers without WebGPU lack
 * @param memoryBytes that a run may take, if that is known
 * @throws GraftError `worker-no-webgpu`, or the engine's
 */
export async function openGpu(gpu: GPU | undefined, memoryBytes = Infinity): Promise<GpuDevice> {
  if (!gpu) throw new GraftError('worker-no-webgpu', 'This browser does not offer WebGPU.', BROWSERS);
  return openDevice(gpu, { limits: { memoryBytes } }).catch((error: unknown) => {
    throw inBrowser(error);
  });
}

/**
 * Gives a device the tuning that was measured on its adapter, now or on an earlier visit. A real GPU is compared with the processor first.
 *
 * @throws GraftError `device-differs` if it computes something else
 */
export async function tune(device: Device, report: (progress: Progress) => void): Promise<void> {
  // Other backends have nothing to measure.
  if (!(device instanceof GpuDevice)) return;
  const name = `tuning ${tuningName(device.adapter, device.kernels)}`;
  const tuning = new Measurement(name, [device]);
  const stored = await tuning.read();
  if (isTuning(stored)) device.tuning = stored;
  else {
    device.tuning = await measureTuning(device);
    await tuning.keep(device.tuning);
  }
  // A software adapter needs no comparison: the tests of every kernel run on it.
  if (!device.software) await refuseWrong(device, name, tuning, report);
  const products = chosenProducts(await tunedClasses(productsOf(device)));
  if (products.length > 0) device.tuning = { ...device.tuning, products };
}

/** Where the kernels that were chosen for products on a device are kept. */
export function productsOf(device: GpuDevice): Measurement {
  return new Measurement(`products ${tuningName(device.adapter, device.kernels)}`, [device]);
}

/** What a search for such kernels knew, if anything. */
export async function tunedClasses(products: Measurement): Promise<TunedClass[]> {
  const kept = await products.read();
  return areTunedClasses(kept) ? kept : [];
}

/** Compares a device with the processor, if that was not done before. @throws GraftError `device-differs` */
async function refuseWrong(
  device: GpuDevice,
  name: string,
  tuning: Measurement,
  report: (progress: Progress) => void,
): Promise<void> {
  const checked = new Measurement(`check of ${name}`, [device]);
  const known = await checked.read();
  const check = isCheck(known) ? known : await compareWithProcessor(device, report);
  if (!check) return;
  if (check !== known) {
    await checked.keep(check);
    await tuning.keep(device.tuning);
  }
  const { refuseDiffering } = await import('../../evaluate/check-device.ts');
  refuseDiffering(
    check,
    deviceName(device.adapter),
    'Choose “The CPU” under “Compute on” on the first page, and send us this message.',
  );
}

/** Gives up kernels that differ. @returns undefined if the processor cannot be used: there is nothing to compare with */
export async function compareWithProcessor(
  device: GpuDevice,
  report: (progress: Progress) => void,
): Promise<DeviceCheck | undefined> {
  const [{ checkDevice }, { openBrowserProcessor }] = await Promise.all([
    import('../../evaluate/check-device.ts'),
    import('./processor.ts'),
  ]);
  const processor = await openBrowserProcessor().catch((error: unknown) => {
    if (error instanceof GraftError) return undefined;
    throw error;
  });
  if (!processor) return undefined;
  try {
    return await checkDevice(device, processor, {
      onCase: (done, total) => report({ what: 'checking', done, total }),
    });
  } finally {
    processor.close();
  }
}
