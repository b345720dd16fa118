/**
 * Where the time of a plan goes, by kernel. Every dispatch gets a pass of its own with a timestamp before and after it; where the adapter
 * has no timestamps, each kernel runs alone, and what an empty run takes is taken off. Replays of a plan know nothing of this.
 */
import type { Device } from './device.ts';
import { encodeCommand, splitSubmits, type Command, type Plan } from './plan.ts';
import { pipelineKey } from './pipelines.ts';
import type { Dispatch } from './tape.ts';
import { QUERY_USAGE } from './usage.ts';

export interface KernelTime {
  /** Shader and entry point; of a matrix product also its layout and M×N×K. */
  readonly kernel: string;
  readonly matmul: boolean;
  readonly dispatches: number;
  /** Of all of its dispatches in one run. */
  readonly seconds: number;
}

export interface Profile {
  /** `timestamps`, or each kernel measured `alone`. */
  readonly method: 'timestamps' | 'alone';
  /** Sum over the kernels. */
  readonly seconds: number;
  /** The most expensive first. */
  readonly kernels: readonly KernelTime[];
}

/** What a query set may hold, by WebGPU's limit: two queries for a dispatch. */
const MOST_QUERIES = 4096;
const TIMESTAMP_BYTES = 8;

/**
 * Measures plans that run one after the other, such as gradients and update of a training step. Median of `runs` for each dispatch. The
 * dispatches really run, more than once: what they write is not to be used afterwards.
 */
export async function profilePlans(
  plans: readonly Plan[],
  { runs = 3, timestamps = true } = {},
): Promise<Profile> {
  const { device } = plans[0];
  const commands = plans.flatMap((plan) => plan.commands);
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
export function isMatmul({ shader }: Dispatch): boolean {
  return shader.name.startsWith('matmul_');
}

/** Replays only the dispatches that `which` names, in the plan's order. Awaits nothing. */
export function replayPart(plan: Plan, which: (dispatch: Dispatch) => boolean): void {
  const { device } = plan;
  const chosen = plan.commands.filter(({ dispatch }) => which(dispatch));
  for (const group of splitSubmits(chosen, device.tuning.flopsPerSubmit)) submit(device, group);
}

function submit(device: Device, commands: readonly Command[]): void {
  const encoder = device.gpu.createCommandEncoder();
  const pass = encoder.beginComputePass();
  for (const command of commands) encodeCommand(pass, command);
  pass.end();
  device.gpu.queue.submit([encoder.finish()]);
}

/** Seconds of each command. */
async function byTimestamps(device: Device, commands: readonly Command[], runs: number): Promise<number[]> {
  const { gpu } = device;
  const count = Math.min(MOST_QUERIES, 2 * commands.length);
  const queries = gpu.createQuerySet({ type: 'timestamp', count });
  const resolved = device.createBuffer(count * TIMESTAMP_BYTES, QUERY_USAGE, 'timestamps');
  const times = commands.map((): number[] => []);
  try {
    for (let run = 0; run < runs; run++) {
      let first = 0;
      for (const group of splitSubmits(commands, device.tuning.flopsPerSubmit)) {
        for (let start = 0; start < group.length; start += MOST_QUERIES / 2) {
          const part = group.slice(start, start + MOST_QUERIES / 2);
          const encoder = gpu.createCommandEncoder();
          part.forEach((command, index) => {
            const pass = encoder.beginComputePass({
              timestampWrites: {
                querySet: queries,
                beginningOfPassWriteIndex: 2 * index,
                endOfPassWriteIndex: 2 * index + 1,
              },
            });
            encodeCommand(pass, command);
            pass.end();
          });
          encoder.resolveQuerySet(queries, 0, 2 * part.length, resolved, 0);
          gpu.queue.submit([encoder.finish()]);
          const stamps = new BigUint64Array(
            await device.read(resolved, 0, 2 * part.length * TIMESTAMP_BYTES),
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
    device.destroyBuffer(resolved);
  }
  return times.map(median);
}

/** Seconds of each command: of equal ones, the first is measured. */
async function alone(device: Device, commands: readonly Command[], runs: number): Promise<number[]> {
  const measure = async (one: readonly Command[]): Promise<number> => {
    const seconds: number[] = [];
    for (let run = 0; run <= runs; run++) {
      const start = performance.now();
      submit(device, one);
      await device.settle();
      // The first one warms up.
      if (run > 0) seconds.push((performance.now() - start) / 1000);
    }
    return median(seconds);
  };
  const empty = await measure([]);
  const known = new Map<string, number>();
  const times: number[] = [];
  for (const command of commands) {
    const key = workOf(command.dispatch);
    let seconds = known.get(key);
    if (seconds === undefined) known.set(key, (seconds = Math.max(0, (await measure([command])) - empty)));
    times.push(seconds);
  }
  return times;
}

/** Equal for dispatches that do the same work on other data. */
function workOf(dispatch: Dispatch): string {
  const { params, workgroups, tensors } = dispatch;
  const shapes = [...tensors.values()].map(({ shape }) => shape);
  return JSON.stringify([pipelineKey(dispatch), params, workgroups, shapes]);
}

function kernelName(dispatch: Dispatch): string {
  const { shader, entry, constants, params } = dispatch;
  const name = entry === 'main' ? shader.name : `${shader.name} ${entry}`;
  if (!isMatmul(dispatch) || params['K'] === undefined) return name;
  const layout = constants['TRANSPOSED_A'] ? 'TN' : constants['TRANSPOSED_B'] === 0 ? 'NN' : 'NT';
  return `${name} ${layout} ${params['M']}×${params['N']}×${params['K']}`;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}
