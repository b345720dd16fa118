/** What a plan needs, known from its tape before anything is allocated and without a GPU. */
import { GraftError } from '../errors.ts';
import { dropDead, planMemory, type MemoryPlan } from './memory.ts';
import type { Dispatch, Tape } from './tape.ts';
import { MOST_WORKGROUPS, type Target } from './target.ts';
import type { Storage, Tensor } from './tensor.ts';

export interface PlanSize {
  readonly dispatches: readonly Dispatch[];
  readonly memory: MemoryPlan;
  /** Inputs and outputs, which keep their memory. */
  readonly pinned: readonly Storage[];
  /** All that the plan allocates: transient slots, pinned storages, parameters of the dispatches. */
  readonly peakBytes: number;
  /** The least that any plan of these dispatches could do with. */
  readonly minimumBytes: number;
  /** The largest binding of a dispatch. */
  readonly largestBinding: { readonly label: string; readonly bytes: number };
  /** The most workgroups along one side of a dispatch. */
  readonly largestDispatch: { readonly label: string; readonly workgroups: number };
}

/** Parameters of dispatches lie one after the other at this distance, WebGPU's smallest alignment of a binding. */
export const UNIFORM_ALIGNMENT = 256;

/** Measures a tape. */
export function sizePlan(tape: Tape): PlanSize {
  const dispatches = dropDead(tape.dispatches);
  const pinned = new Set<Storage>();
  let largestBinding = { label: 'none', bytes: 0 };
  let largestDispatch = { label: 'none', workgroups: 0 };
  for (const dispatch of dispatches) {
    const workgroups = Math.max(...dispatch.workgroups);
    if (workgroups > largestDispatch.workgroups)
      largestDispatch = { label: dispatch.shader.name, workgroups };
    for (const { storage, bytes, label } of dispatch.tensors.values()) {
      if (bytes > largestBinding.bytes) largestBinding = { label, bytes };
      if (storage.kind === 'pinned') pinned.add(storage);
    }
  }
  const memory = planMemory(dispatches);
  const uniformBytes = uniformBytesOf(dispatches.length);
  const pinnedBytes = [...pinned].reduce((sum, storage) => sum + storage.bytes, 0);
  return {
    dispatches,
    memory,
    pinned: [...pinned],
    peakBytes: memory.transientBytes + pinnedBytes + uniformBytes,
    minimumBytes: memory.minimumBytes + pinnedBytes + uniformBytes,
    largestBinding,
    largestDispatch,
  };
}

/** Floating-point operations of one replay of these plans. */
export function flopsOf(plans: readonly { readonly size: PlanSize }[]): number {
  return plans.reduce((sum, { size }) => size.dispatches.reduce((all, { flops }) => all + flops, sum), 0);
}

/** Bytes of the parameters of so many dispatches. */
export function uniformBytesOf(dispatches: number): number {
  return Math.max(1, dispatches) * UNIFORM_ALIGNMENT;
}

/** @throws GraftError `engine-dispatch-size`, or `engine-binding-size` naming the first tensor that is larger than the target can bind */
export function checkSize(
  { dispatches, largestDispatch: { label, workgroups } }: PlanSize,
  target: Target,
): void {
  if (workgroups > MOST_WORKGROUPS)
    throw new GraftError(
      'engine-dispatch-size',
      `${label} needs ${workgroups} workgroups side by side, and WebGPU dispatches at most ${MOST_WORKGROUPS}.`,
      'Use a shorter length or a smaller batch.',
    );
  for (const dispatch of dispatches)
    for (const tensor of dispatch.tensors.values()) checkBinding(target, tensor, dispatch);
}

function checkBinding(target: Target, tensor: Tensor, dispatch: Dispatch): void {
  const limit = target.limits.maxStorageBufferBindingSize;
  if (tensor.bytes > limit) {
    throw new GraftError(
      'engine-binding-size',
      `${tensor.label} [${tensor.shape.join(', ')}] needs ${tensor.bytes} bytes in ${dispatch.shader.name}, and this adapter binds at most ${limit}.`,
      'Use a shorter length, a smaller batch or half precision.',
    );
  }
}
