/** What a plan needs, known from its tape before anything is allocated and without a device. */
import type { Command, Lowering } from './lowering.ts';
import { dropDead, planSlots, type SlotPlan } from './memory.ts';
import type { Tape } from './tape.ts';
import type { Storage } from './tensor.ts';

export interface PlanSize<C extends Command = Command> {
  readonly commands: readonly C[];
  readonly memory: SlotPlan;
  /** Inputs and outputs, which keep their memory. */
  readonly pinned: readonly Storage[];
  /** All that the plan allocates: transient slots, pinned storages, parameters of the commands. */
  readonly peakBytes: number;
  /** The least that any plan of these commands could do with. */
  readonly minimumBytes: number;
  /** The largest tensor that a command reads or writes. */
  readonly largestBinding: { readonly label: string; readonly bytes: number };
  /** The most workgroups along one side of a command. */
  readonly largestDispatch: { readonly label: string; readonly workgroups: number };
}

/** Measures a tape as a backend lowers it. */
export function sizePlan<C extends Command>(tape: Tape, lowering: Lowering<C>): PlanSize<C> {
  const commands = dropDead(lowering.lower(tape.operations));
  const pinned = new Set<Storage>();
  let largestBinding = { label: 'none', bytes: 0 };
  let largestDispatch = { label: 'none', workgroups: 0 };
  for (const { label, operands, workgroups } of commands) {
    if (workgroups > largestDispatch.workgroups) largestDispatch = { label, workgroups };
    for (const { storage, bytes, label: name } of operands) {
      if (bytes > largestBinding.bytes) largestBinding = { label: name, bytes };
      if (storage.kind === 'pinned') pinned.add(storage);
    }
  }
  const memory = planSlots(commands);
  const parameterBytes = lowering.parameterBytes(commands);
  const pinnedBytes = [...pinned].reduce((sum, storage) => sum + storage.bytes, 0);
  return {
    commands,
    memory,
    pinned: [...pinned],
    peakBytes: memory.transientBytes + pinnedBytes + parameterBytes,
    minimumBytes: memory.minimumBytes + pinnedBytes + parameterBytes,
    largestBinding,
    largestDispatch,
  };
}

/** Floating-point operations of one replay of these plans. */
export function flopsOf(plans: readonly { readonly size: PlanSize }[]): number {
  return plans.reduce((sum, { size }) => size.commands.reduce((all, { flops }) => all + flops, sum), 0);
}
