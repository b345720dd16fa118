/**
 * Devices for the tests: every kernel runs on lavapipe (f16, subgroups) and on SwiftShader (neither f16 nor much speed). A missing
 * adapter skips its tests loudly.
 */
import { afterAll, beforeAll, describe } from 'vitest';
import { openDawn, swiftshaderDriver } from '../../src/cli/dawn.ts';
import type { GpuDevice } from '../../src/engine/webgpu/device.ts';

export interface AdapterContext {
  readonly name: string;
  /** Open while the tests run: ask inside a test or a hook. */
  readonly device: GpuDevice;
  /** Whether f16 is to be expected here. */
  readonly f16: boolean;
}

const ADAPTERS = [
  { name: 'llvmpipe', f16: true, present: true },
  { name: 'swiftshader', f16: false, present: swiftshaderDriver() !== undefined },
];

/** Describes the same tests once for each software adapter. */
export function describeAdapters(title: string, define: (context: AdapterContext) => void): void {
  for (const { name, f16, present } of ADAPTERS) describeAdapter(title, name, f16, present, define);
}

/** Describes tests of whole models, which run on the faster adapter only. */
export function describeDevice(title: string, define: (context: AdapterContext) => void): void {
  describeAdapter(title, 'llvmpipe', true, true, define);
}

function describeAdapter(
  title: string,
  name: string,
  f16: boolean,
  present: boolean,
  define: (context: AdapterContext) => void,
): void {
  if (!present)
    console.warn(`SKIPPED: ${title} on ${name}, which is not installed (Chromium brings SwiftShader)`);
  describe.skipIf(!present)(`${title} (${name})`, () => {
    let device: GpuDevice | undefined;
    beforeAll(async () => {
      device = await openDawn(name);
    });
    afterAll(() => device?.close());
    define({
      name,
      f16,
      get device(): GpuDevice {
        if (!device) throw new Error('No device yet: ask inside a test');
        return device;
      },
    });
  });
}
