/** A plan: a tape compiled to a flat list of commands with kernels and memory fixed. Running it allocates, compiles and awaits nothing. */
import type { PlanSize } from './size.ts';
import type { StagingSlot } from './staging.ts';
import type { Tensor } from './tensor.ts';

/** Work before and after a replay, in order with it. */
export interface ReplayOptions {
  /** Uploaded tensors that are cleared before the first command. */
  readonly clear?: readonly Tensor[];
  /** Copied for the host after the last command: a pinned or uploaded tensor, from its start. */
  readonly stage?: { readonly tensor: Tensor; readonly slot: StagingSlot };
}

export interface Plan {
  readonly size: PlanSize;
  /** Submits of one run. */
  readonly submits: number;
  /** Bytes of the inputs and outputs, which are this plan's own. */
  readonly pinnedBytes: number;

  /** Fills a pinned input, in order with `run`. An input that the compiled plan does not read is ignored. */
  write(tensor: Tensor, data: ArrayBufferView<ArrayBuffer>): void;
  /** Reads a pinned or uploaded tensor. Awaits the device. */
  read(tensor: Tensor): Promise<ArrayBuffer>;
  /** Replays the plan. */
  run(options?: ReplayOptions): void;
  /** Frees the plan's own memory, and in the pool what no other plan uses. Call after the device has settled. */
  destroy(): void;
}
