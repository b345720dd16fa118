/** Measurements of an adapter, kept in the user's cache folder so that they are made once. */
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Device } from '../engine/device.ts';
import type { GpuDevice } from '../engine/webgpu/device.ts';
import { measureTuning } from '../engine/webgpu/measure-tuning.ts';
import { keptFor, measuredOn, toKeep } from '../engine/webgpu/measured-on.ts';
import { areTunedClasses, chosenProducts, type TunedClass } from '../engine/webgpu/tune-products.ts';
import { isTuning, tuningName } from '../engine/webgpu/tuning.ts';
import { messageOf } from '../errors.ts';
import { checkDevice, needsComparison, refuseDiffering } from '../evaluate/check-device.ts';
import { isCheck, type DeviceCheck } from '../evaluate/check-words.ts';
import { deviceName } from '../runs/card-facts.ts';
import { dawnVersion } from './dawn.ts';
import { writeWhole } from './files.ts';
import type { Output } from './output.ts';
import { version } from './version.ts';

/**
 * Gives a device the kernels that were chosen on its adapter, now or by an earlier command. A real GPU is compared with the processor first.
 *
 * @param openReference opens the processor
 * @throws GraftError `device-differs` if the GPU computes something else
 */
export async function useStored(
  device: GpuDevice,
  openReference: () => Promise<Device>,
  output: Output,
): Promise<void> {
  const { tuning: path } = keptFiles(device);
  const on = measuredHere(device);
  const stored = keptFor(await read(path), on);
  if (isTuning(stored)) device.tuning = stored;
  else {
    device.tuning = await measureTuning(device);
    await keep(path, toKeep(on, device.tuning), output);
  }
  if (needsComparison(device)) await compare(device, openReference, output);
  const products = chosenProducts(await readProducts(device));
  if (products.length > 0) device.tuning = { ...device.tuning, products };
}

/** Compares a GPU with the processor, if that was not done before. @throws GraftError `device-differs` */
async function compare(
  device: GpuDevice,
  openReference: () => Promise<Device>,
  output: Output,
): Promise<void> {
  const { tuning: path, check: checked } = keptFiles(device);
  const on = measuredHere(device);
  const known = keptFor(await read(checked), on);
  let check: DeviceCheck;
  if (isCheck(known)) check = known;
  else {
    output.line('Comparing the kernels of this GPU with the CPU, once');
    const processor = await openReference();
    check = await checkDevice(device, processor);
    processor.close();
    await keep(checked, toKeep(on, check), output);
    await keep(path, toKeep(on, device.tuning), output);
  }
  refuseDiffering(check, deviceName(device.adapter), 'Use the CPU: --device cpu. And send us this message.');
}

/** What measurements of a device depend on here, as a text: an update of Graft, Dawn or the driver repeats them. */
export function measuredHere(device: GpuDevice): string {
  return measuredOn([device], `${version()} with Dawn ${dawnVersion()}`);
}

/** The files that keep what was measured on an adapter with its builds. */
export function keptFiles({ adapter, kernels }: Pick<GpuDevice, 'adapter' | 'kernels'>): {
  readonly tuning: string;
  readonly check: string;
  readonly products: string;
} {
  const name = tuningName(adapter, kernels)
    .replace(/[^\w.]+/g, '-')
    .slice(0, 120);
  const folder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'graft');
  return {
    tuning: join(folder, `tuning-${name}.json`),
    check: join(folder, `check-${name}.json`),
    products: join(folder, `products-${name}.json`),
  };
}

/** What a search for kernels of products knew about this device; nothing if something that it depends on has changed. */
export async function readProducts(device: GpuDevice): Promise<TunedClass[]> {
  const kept = keptFor(await read(keptFiles(device).products), measuredHere(device));
  return areTunedClasses(kept) ? kept : [];
}

/** Keeps what a search knows. */
export async function keepProducts(
  device: GpuDevice,
  classes: readonly TunedClass[],
  output: Output,
): Promise<void> {
  await keep(keptFiles(device).products, toKeep(measuredHere(device), classes), output);
}

/** Forgets it. @returns whether there was anything */
export async function forgetProducts(device: GpuDevice): Promise<boolean> {
  const { products } = keptFiles(device);
  const isKept = existsSync(products);
  await rm(products, { force: true });
  return isKept;
}

async function keep(path: string, value: object, output: Output): Promise<void> {
  try {
    await writeWhole(path, new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`));
  } catch (error) {
    output.line(`What was measured on this adapter could not be kept: ${messageOf(error)}`);
  }
}

async function read(path: string): Promise<unknown> {
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(await readFile(path, 'utf8')) as unknown;
  } catch {
    // A damaged cache is rewritten.
    return undefined;
  }
}
