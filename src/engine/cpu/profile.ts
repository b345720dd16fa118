/** Where the time of a plan goes, by kernel: commands run one after the other, each timed. */
import type { ProfileOptions } from '../device.ts';
import type { Plan } from '../plan.ts';
import type { Profile } from '../profile.ts';
import { COMMAND_BYTES, type CpuCommand } from './command.ts';
import type { CpuDevice } from './device.ts';
import { CpuPlan } from './plan.ts';
import { median } from '../../averages.ts';

/** See `Device.profile`. */
export async function profilePlans(
  device: CpuDevice,
  plans: readonly Plan[],
  { runs = 3 }: ProfileOptions = {},
): Promise<Profile> {
  const commands = plans.flatMap((plan) => {
    const { program, size } = ownPlan(plan);
    return size.commands.map((command, i) => ({ command, address: program.address + i * COMMAND_BYTES }));
  });
  const times = commands.map((): number[] => []);
  for (let run = 0; run < runs; run++) {
    commands.forEach(({ address }, index) => {
      const start = performance.now();
      device.runProgram(address, 1);
      times[index].push((performance.now() - start) / 1000);
    });
    await device.settle();
  }
  const kernels = new Map<string, { matmul: boolean; dispatches: number; seconds: number }>();
  let seconds = 0;
  commands.forEach(({ command }, index) => {
    const name = nameOf(command);
    const sum = kernels.get(name) ?? { matmul: command.matmul !== undefined, dispatches: 0, seconds: 0 };
    kernels.set(name, sum);
    const typical = median(times[index]);
    sum.dispatches++;
    sum.seconds += typical;
    seconds += typical;
  });
  return {
    method: 'alone',
    seconds,
    kernels: [...kernels]
      .map(([kernel, time]) => ({ kernel, ...time }))
      .sort((a, b) => b.seconds - a.seconds || (a.kernel < b.kernel ? -1 : 1)),
  };
}

/** See `Device.replayMatmuls`. */
export function replayMatmuls(device: CpuDevice, plan: Plan): void {
  const { program, size } = ownPlan(plan);
  size.commands.forEach(({ matmul }, index) => {
    if (matmul !== undefined) device.runProgram(program.address + index * COMMAND_BYTES, 1);
  });
}

function ownPlan(plan: Plan): CpuPlan {
  if (!(plan instanceof CpuPlan)) throw new Error('This plan belongs to another device');
  return plan;
}

function nameOf({ kernel, matmul }: CpuCommand): string {
  return matmul === undefined ? kernel : `${kernel} ${matmul}`;
}
