/** What a measurement of a device depends on: it is repeated if any of it changes. */
import { isObject } from '../../json.ts';
import type { Device } from '../device.ts';
import { SHADERS } from './lowering.ts';

/**
 * Everything about devices that changes what is measured on them, as a text.
 *
 * @param program the version of the program, and of the browser or library that gives the device: an update may compile shaders differently
 */
export function measuredOn(
  devices: readonly (Pick<Device, 'adapter' | 'features' | 'limits'> & { readonly kernels?: string })[],
  program: string,
): string {
  // Browsers that hide the adapter's name still give its limits and features.
  const facts = devices.map(({ adapter, kernels, features, limits }) => [adapter, kernels, features, limits]);
  return JSON.stringify([program, SHADERS, facts]);
}

/** A measurement with what it depends on. Plain JSON: callers keep it. */
interface Measured {
  readonly on: string;
  readonly value: unknown;
}

/** The measurement that was kept, if it was made on the same. */
export function keptFor(kept: unknown, on: string): unknown {
  return isObject(kept) && kept['on'] === on ? kept['value'] : undefined;
}

/** A measurement, ready to be kept. */
export function toKeep(on: string, value: unknown): Measured {
  return { on, value };
}
