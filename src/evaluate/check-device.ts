/**
 * Makes a GPU safe to compute on: its results are compared with the processor's, and kernels that differ give way to simpler ones. No list of driver
 * defects is complete; this tests the driver in use.
 */
import type { Device } from '../engine/device.ts';
import type { GpuTarget } from '../engine/webgpu/target.ts';
import { withKernels, type Tuning } from '../engine/webgpu/tuning.ts';
import { GraftError } from '../errors.ts';
import { checkWords, type DeviceCheck } from './check-words.ts';
import { compareDevices, selfTestOf, type CaseResult, type ComparisonWatch } from './self-test.ts';
import { type SelfTestCase } from './self-test-case.ts';

/** A device whose kernels are chosen by a tuning. */
export type Tunable = Pick<Device, 'features'> & Device & { tuning: Tuning };

/** Whether a device is compared before its first use. The tests run all builds for software adapters on such adapters. */
export function needsComparison({ software, kernels }: Pick<GpuTarget, 'software' | 'kernels'>): boolean {
  return !software || kernels === 'gpu';
}

interface Fallback {
  /** The kernels that are given up. */
  readonly name: string;
  /** @returns undefined if it was not used */
  readonly without: (tuning: Tuning) => Parameters<typeof withKernels>[1] | undefined;
}

/** In order of cost: from the cheapest to give up, to kernels that no driver should get wrong. */
const FALLBACKS: readonly Fallback[] = [
  {
    name: 'lanes that share their loads',
    without: ({ matmul }) => (matmul.quads ? { matmul: { quads: false } } : undefined),
  },
  {
    name: 'tall tiles',
    without: ({ matmul }) =>
      matmul.family === 'tiles' && matmul.tallTiles ? { matmul: { tallTiles: false } } : undefined,
  },
  {
    name: 'threads that share a row',
    without: ({ simple }) => (simple.rows ? undefined : { simple: { rows: true } }),
  },
  {
    name: 'attention in shared memory',
    without: ({ simple }) => (simple.attention ? undefined : { simple: { attention: true } }),
  },
  {
    name: 'tiles in shared memory',
    without: ({ matmul }) => (matmul.family === 'tiles' ? { matmul: { family: 'registers' } } : undefined),
  },
  {
    name: 'all tiles',
    without: ({ matmul }) => (matmul.family === 'plain' ? undefined : { matmul: { family: 'plain' } }),
  },
  {
    // No single one of them helps a model if two kinds are wrong.
    name: 'all kernels whose threads share anything',
    without: ({ matmul, simple }) =>
      matmul.family === 'plain' && simple.attention && simple.rows
        ? undefined
        : { matmul: { family: 'plain', quads: false }, simple: { attention: true, rows: true } },
  },
];

/**
 * Compares a device with another one, and leaves it with the first tuning whose kernels agree.
 *
 * @param reference a device that computes correctly, such as the CPU engine @param cases for tests @throws what the reference throws, the failure of
 * a lost device, and the signal's reason
 */
export async function checkDevice(
  device: Tunable,
  reference: Device,
  watch: ComparisonWatch = {},
  cases: readonly SelfTestCase[] = selfTestOf(device),
): Promise<DeviceCheck> {
  let results = await compareDevices(device, reference, cases, watch);
  const dropped: string[] = [];
  for (const { name, without } of FALLBACKS) {
    const differing = results.filter(({ agrees }) => !agrees);
    if (differing.length === 0) break;
    const before = device.tuning;
    const changes = without(before);
    if (!changes) continue;
    device.tuning = withKernels(before, changes);
    const again = cases.filter((one) => differing.some((result) => result.name === one.name));
    const better = await compareDevices(device, reference, again, { signal: watch.signal });
    if (better.some(({ agrees }) => agrees)) {
      dropped.push(name);
      results = results.map((result) => better.find((other) => other.name === result.name) ?? result);
    } else {
      device.tuning = before;
    }
  }
  return summary(results, dropped);
}

export function summary(results: readonly CaseResult[], dropped: readonly string[] = []): DeviceCheck {
  const [agreeing, differing] = [true, false].map((wanted) =>
    results.filter(({ agrees }) => agrees === wanted),
  );
  return {
    cases: results.length,
    worst: Math.max(0, ...agreeing.map(({ error }) => error)),
    dropped,
    differing: differing.map(({ name }) => name),
  };
}

/** @throws GraftError `device-differs` if a device computes something else than the processor */
export function refuseDiffering(check: DeviceCheck, device: string, remedy: string): void {
  if (check.differing.length === 0) return;
  throw new GraftError(
    'device-differs',
    `${device} does not compute what it should. ${checkWords(check)}`,
    remedy,
  );
}
