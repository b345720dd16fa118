/**
 * Where the time of a plan goes, by kernel. Every dispatch gets a pass of its own with a timestamp before and after it; if the adapter
 * has no timestamps, each kernel runs alone (work-clock.ts). Replays of a plan are not affected.
 */
import type { ProfileOptions } from '../device.ts';
import type { Plan } from '../plan.ts';
import type { Profile } from '../profile.ts';
import type { GpuDevice } from './device.ts';
import type { Dispatch } from './dispatch.ts';
import { pipelineKey } from './pipelines.ts';
import { encodeDispatch, GpuPlan, splitBound, type BoundDispatch } from './plan.ts';
import { QUERY_USAGE } from './usage.ts';
import { median } from '../../averages.ts';
import { WorkClock } from '../work-clock.ts';

/** The largest query set, by WebGPU's limit: two queries for a dispatch. */
const MAX_QUERIES = 4096;
const TIMESTAMP_BYTES = 8;

/** See `Device.profile`. */
export async function profilePlans(
  device: GpuDevice,
  plans: readonly Plan[],
  { runs = 3, timestamps = true }: ProfileOptions = {},
): Promise<Profile> {
  const commands = plans.flatMap((plan) => ownPlan(plan).bound);
  const method = timestamps && device.features.timestamps ? 'timestamps' : 'alone';
  const seconds = await (method === 'timestamps' ? byTimestamps : alone)(device, commands, runs);
  const kernels = new Map<string, { matmul: boolean; dispatches: number; seconds: number }>();
  commands.forEach(({ dispatch }, index) => {
    const name = kernelName(dispatch);
    const sum = kernels.get(name) ?? { matmul: isMatmul(dispatch), dispatches: 0, seconds: 0 };
    kernels.set(name, sum);
    sum.dispatches++;
    sum.seconds += seconds[index];
  });
  return {
    method,
    seconds: seconds.reduce((sum, one) => sum + one, 0),
    kernels: [...kernels]
      .map(([kernel, time]) => ({ kernel, ...time }))
      .sort((a, b) => b.seconds - a.seconds || (a.kernel < b.kernel ? -1 : 1)),
  };
}

/** Whether a dispatch is (part of) a matrix product. */
function isMatmul({ shader }: Dispatch): boolean {
  return shader.name.startsWith('matmul_');
}

/** See `Device.replayMatmuls`. */
export function replayMatmuls(device: GpuDevice, plan: Plan): void {
  const chosen = ownPlan(plan).bound.filter(({ dispatch }) => isMatmul(dispatch));
  for (const group of splitBound(device, chosen)) submit(device, group);
}

/** Puts all commands of a plan into one submit, this many times, whatever they take: for plans that are known to be short. Awaits nothing. */
export function repeatPlan(device: GpuDevice, plan: Plan, times: number): void {
  const { bound } = ownPlan(plan);
  submit(device, Array.from({ length: times }, () => bound).flat());
}

function ownPlan(plan: Plan): GpuPlan {
  if (!(plan instanceof GpuPlan)) throw new Error('This plan belongs to another device');
  return plan;
}

function submit(device: GpuDevice, commands: readonly BoundDispatch[]): void {
  const encoder = device.gpu.createCommandEncoder();
  const pass = encoder.beginComputePass();
  for (const command of commands) encodeDispatch(pass, command);
  pass.end();
  device.gpu.queue.submit([encoder.finish()]);
}

/** Seconds of each command. */
async function byTimestamps(
  device: GpuDevice,
  commands: readonly BoundDispatch[],
  runs: number,
): Promise<number[]> {
  const { gpu } = device;
  const count = Math.min(MAX_QUERIES, 2 * commands.length);
  const queries = gpu.createQuerySet({ type: 'timestamp', count });
  const resolved = device.createBuffer(count * TIMESTAMP_BYTES, QUERY_USAGE, 'timestamps');
  const times = commands.map((): number[] => []);
  try {
    for (let run = 0; run < runs; run++) {
      let first = 0;
      for (const group of splitBound(device, commands)) {
        for (let start = 0; start < group.length; start += MAX_QUERIES / 2) {
          const part = group.slice(start, start + MAX_QUERIES / 2);
          const encoder = gpu.createCommandEncoder();
          part.forEach((command, index) => {
            const pass = encoder.beginComputePass({
              timestampWrites: {
                querySet: queries,
                beginningOfPassWriteIndex: 2 * index,
                endOfPassWriteIndex: 2 * index + 1,
              },
            });
            encodeDispatch(pass, command);
            pass.end();
          });
          encoder.resolveQuerySet(queries, 0, 2 * part.length, resolved, 0);
          gpu.queue.submit([encoder.finish()]);
          const stamps = new BigUint64Array(
            await device.readBuffer(resolved, 0, 2 * part.length * TIMESTAMP_BYTES),
          );
          part.forEach((_, index) => {
            // Nanoseconds; some drivers let a clock step back.
            const passed = Number(stamps[2 * index + 1] - stamps[2 * index]);
            times[first + index].push(Math.max(0, passed) / 1e9);
          });
          first += part.length;
        }
      }
    }
  } finally {
    queries.destroy();
    device.release(resolved);
  }
  return times.map(median);
}

/** Seconds of each command. Equal commands are measured once. */
async function alone(device: GpuDevice, commands: readonly BoundDispatch[], runs: number): Promise<number[]> {
  const clock = await WorkClock.of(device);
  const known = new Map<string, number>();
  const times: number[] = [];
  for (const command of commands) {
    const key = workOf(command.dispatch);
    let seconds = known.get(key);
    if (seconds === undefined) {
      const repeat = (times: number): void => submit(device, Array<BoundDispatch>(times).fill(command));
      known.set(key, (seconds = await clock.measure(repeat, { runs })));
    }
    times.push(seconds);
  }
  return times;
}

/** Equal for dispatches that do the same work on other data. */
function workOf(dispatch: Dispatch): string {
  const { params, size, tensors } = dispatch;
  const shapes = [...tensors.values()].map(({ shape }) => shape);
  return JSON.stringify([pipelineKey(dispatch), params, size, shapes]);
}

function kernelName(dispatch: Dispatch): string {
  const { shader, entry, constants, params } = dispatch;
  const name = entry === 'main' ? shader.name : `${shader.name} ${entry}`;
  if (!isMatmul(dispatch)) return name;
  // One product, or several.
  const shapes = ['', ...Array.from({ length: params['count'] ?? 0 }, (_, i) => `problems.${i}.`)]
    .filter((at) => params[`${at}K`] !== undefined)
    .map((at) => `${params[`${at}M`]}×${params[`${at}N`]}×${params[`${at}K`]}`);
  if (shapes.length === 0) return name;
  const layout = constants['TRANSPOSED_A'] ? 'TN' : constants['TRANSPOSED_B'] === 0 ? 'NN' : 'NT';
  return `${name} ${layout} ${shapes.join(' and ')}`;
}
